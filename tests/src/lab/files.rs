//! The files of the workspace.

use std::fs;
use std::path::{Path, PathBuf};

use crate::lab::tools::workspace_root;
use anyhow::{Context, Result};

/// The text of a file.
pub fn text(path: &str) -> Result<String> {
    let file = workspace_root()?.join(path);
    fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))
}

/// All files below a directory, sorted.
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
