//! An exporter that runs as nobody.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use kubeskoop_exporter_tests::lab::command::output;
use kubeskoop_exporter_tests::lab::exporter::binary;
use tempfile::TempDir;

/// The words that run a command as nobody without any capability.
pub const AS_NOBODY: [&str; 6] = [
    "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
    "--inh-caps=-all",
    "--bounding-set=-all",
];

/// A directory that anybody may enter, with a copy of the exporter: the workspace may be closed to
/// others.
#[derive(Debug)]
pub struct OpenDirectory {
    directory: TempDir,
}

impl OpenDirectory {
    /// Makes it.
    pub fn new() -> Result<Self> {
        let directory = tempfile::Builder::new()
            .permissions(Permissions::from_mode(0o755))
            .tempdir()
            .context("cannot make a temporary directory")?;
        let open = Self { directory };
        // By another process: a file that a forked child of this one still has open for writing
        // cannot be executed.
        output(Command::new("cp").arg(binary()?).arg(open.program()))?;
        Ok(open)
    }

    /// The copy of the exporter, alone in its directory.
    pub fn program(&self) -> PathBuf {
        self.directory.path().join("exporter")
    }
}
