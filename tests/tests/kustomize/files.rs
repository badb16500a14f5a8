//! The files that the renderings are made of.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use kubeskoop_exporter_tests::lab::tools::workspace_root;

/// The text of a file of the workspace.
pub fn text(path: &str) -> Result<String> {
    let file = workspace_root()?.join(path);
    fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))
}

/// All files below a directory of the workspace.
pub fn below(directory: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    collect(&workspace_root()?.join(directory), &mut files)?;
    files.sort_unstable();
    Ok(files)
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in directory
        .read_dir()
        .with_context(|| directory.display().to_string())?
    {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), files)?;
        } else {
            files.push(entry.path());
        }
    }
    Ok(())
}
