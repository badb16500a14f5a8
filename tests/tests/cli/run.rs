//! Running a command of the exporter to its end.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::exporter::binary;
use kubeskoop_exporter_tests::lab::process::Guard;
use tempfile::TempDir;

/// A command that has not ended by then hangs.
const LIMIT: Duration = Duration::from_secs(30);

/// How a command has ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status; none if a signal ended it.
    pub status: Option<i32>,
    /// What it wrote to standard output.
    pub output: String,
    /// What it wrote to standard error.
    pub errors: String,
}

impl Ended {
    /// The output of a command that went well.
    pub fn success(self) -> Result<String> {
        ensure!(self.status == Some(0), "{self:?}");
        Ok(self.output)
    }

    /// The errors of a command that failed with `status` and printed nothing else.
    pub fn failure(self, status: i32) -> Result<String> {
        ensure!(self.status == Some(status) && self.output.is_empty(), "{self:?}");
        Ok(self.errors)
    }
}

/// Runs the exporter with `arguments`.
pub fn exporter<T: AsRef<OsStr>>(arguments: impl IntoIterator<Item = T>) -> Result<Ended> {
    ended(Command::new(binary()?).args(arguments))
}

/// Runs `command` to its end.
pub fn ended(command: &mut Command) -> Result<Ended> {
    // A file, unlike a pipe, never makes the command wait.
    let mut output = tempfile::tempfile()?;
    let (status, errors) = ended_into(command, output.try_clone()?)?;
    Ok(Ended {
        status,
        output: text(&mut output)?,
        errors,
    })
}

/// Runs `command` to its end with `output` as standard output; returns its exit status and what it
/// wrote to standard error.
pub fn ended_into(command: &mut Command, output: impl Into<Stdio>) -> Result<(Option<i32>, String)> {
    let mut errors = tempfile::tempfile()?;
    command
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors.try_clone()?);
    let status = Guard::spawn(command)?
        .wait(LIMIT)
        .with_context(|| format!("{command:?}"))?;
    Ok((status.code(), text(&mut errors)?))
}

fn text(file: &mut File) -> Result<String> {
    let mut text = String::new();
    file.rewind()?;
    file.read_to_string(&mut text)?;
    Ok(text)
}

/// A file for the exporter to read; removed when dropped.
#[derive(Debug)]
pub struct ConfigFile {
    directory: TempDir,
}

impl ConfigFile {
    /// Writes it.
    pub fn new(yaml: impl AsRef<[u8]>) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let file = Self { directory };
        std::fs::write(file.path(), yaml)?;
        Ok(file)
    }

    /// Its path.
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("config.yaml")
    }

    /// What `check-config` says of it.
    pub fn check(&self) -> Result<Ended> {
        exporter([OsStr::new("check-config"), self.path().as_os_str()])
    }

    /// Its path as text with a line, as messages begin.
    pub fn line(&self, line: usize) -> String {
        format!("{}:{line}: ", self.path().display())
    }
}
