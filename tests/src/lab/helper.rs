//! Programs of `tests/helpers`: what a test needs of a process and no tool does.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::lab::command::output;
use crate::lab::process::Guard;
use crate::lab::tools::workspace_root;

const END: Duration = Duration::from_mins(1);

/// A compiled program, removed when dropped.
#[derive(Debug)]
pub struct Helper {
    _directory: tempfile::TempDir,
    program: PathBuf,
}

impl Helper {
    /// Compiles `tests/helpers/<name>.c`.
    pub fn compile(name: &str) -> Result<Self> {
        Self::compile_with(name, &[])
    }

    /// The same, with all it needs in one file, so that it runs where there is no other.
    pub fn compile_static(name: &str) -> Result<Self> {
        Self::compile_with(name, &["-static"])
    }

    fn compile_with(name: &str, options: &[&str]) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let program = directory.path().join(name);
        let source = workspace_root()?.join(format!("tests/helpers/{name}.c"));
        let mut cc = Command::new("cc");
        cc.args([
            "-O2",
            "-D_GNU_SOURCE",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-pthread",
            "-o",
        ]);
        output(cc.arg(&program).args(options).arg(source))?;
        Ok(Self {
            _directory: directory,
            program,
        })
    }

    /// Where it is.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Starts `command`, which is to run a helper that says `ready` and ends with its standard input.
    /// Returns what it said before.
    pub fn start(command: &mut Command) -> Result<(Running, Vec<String>)> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut guard = Guard::spawn(command)?;
        let stdout = guard.child().stdout.take().context("no standard output")?;
        let said = until_ready(BufReader::new(stdout))?;
        Ok((Running { guard }, said))
    }
}

fn until_ready(output: BufReader<ChildStdout>) -> Result<Vec<String>> {
    let mut said = Vec::new();
    for line in output.lines() {
        match line? {
            line if line == "ready" => return Ok(said),
            line => said.push(line),
        }
    }
    bail!("the helper has ended after saying {said:?}")
}

/// A helper that runs.
#[derive(Debug)]
pub struct Running {
    guard: Guard,
}

impl Running {
    /// Closes its standard input and waits for its end.
    pub fn finish(mut self) -> Result<()> {
        drop(self.guard.child().stdin.take());
        self.guard.wait(END)?;
        Ok(())
    }
}
