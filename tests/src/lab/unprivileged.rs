//! An exporter that runs as a user without any rights.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::lab::command::output;
use crate::lab::exporter::binary;
use anyhow::{Context, Result};
use tempfile::TempDir;

/// Far from users that exist.
const FIRST_USER: u32 = 1 << 30;
/// Users for one test program.
const USERS: u32 = 64;
/// The most process ids there are.
const PIDS: u32 = 1 << 22;

/// The words that run a command as a user without name, without any capability.
///
/// It is another user each time: an exporter of another test would be a process that this one may
/// read, and that ends at any moment.
pub fn as_nobody() -> Vec<String> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed) % USERS;
    let user = FIRST_USER + std::process::id() % PIDS * USERS + number;
    vec![
        "setpriv".to_owned(),
        format!("--reuid={user}"),
        format!("--regid={user}"),
        "--clear-groups".to_owned(),
        "--inh-caps=-all".to_owned(),
        "--bounding-set=-all".to_owned(),
    ]
}

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
