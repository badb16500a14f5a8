//! Images of one program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::json;

use crate::lab::command::output;

/// Writes the archive `image.tar` into `directory`, in the layout of `docker save`: an image named `name`
/// whose only file is `program`.
pub fn archive(directory: &Path, name: &str, program: &Path) -> Result<PathBuf> {
    let file = program.file_name().context("a program")?.to_string_lossy();
    let parent = program.parent().context("a program in a directory")?;
    let layer = directory.join("layer.tar");
    tar(&layer, parent, &[&file])?;
    let sum = output(Command::new("sha256sum").arg(&layer))?;
    let digest = sum.split(' ').next().context("a digest")?;
    let config = json!({
        "architecture": architecture(),
        "os": "linux",
        "config": { "Entrypoint": [format!("/{file}")] },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{digest}")] },
    });
    let manifest = json!([{ "Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"] }]);
    fs::write(directory.join("config.json"), config.to_string())?;
    fs::write(directory.join("manifest.json"), manifest.to_string())?;
    let archive = directory.join("image.tar");
    tar(
        &archive,
        directory,
        &["manifest.json", "config.json", "layer.tar"],
    )?;
    Ok(archive)
}

fn tar(archive: &Path, directory: &Path, files: &[&str]) -> Result<()> {
    let mut tar = Command::new("tar");
    tar.args(["--owner=0", "--group=0", "-cf"]).arg(archive);
    output(tar.arg("-C").arg(directory).args(files))?;
    Ok(())
}

/// As images call it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
