//! The least that reading the files can cost: open, read and close in C.

use std::process::Command;

use anyhow::{Context, Result};
use kubeskoop_exporter_tests::lab::command::output;
use kubeskoop_exporter_tests::lab::helper::Helper;

/// The compiled loop.
#[derive(Debug)]
pub struct Floor {
    helper: Helper,
}

impl Floor {
    /// Compiles it.
    pub fn compile() -> Result<Self> {
        let helper = Helper::compile("floor")?;
        Ok(Self { helper })
    }

    /// CPU seconds to read `files` (separated by commas) of every process once.
    pub fn round(&self, files: &str, pids: &[u32]) -> Result<f64> {
        let mut command = Command::new(self.helper.program());
        command
            .arg("1")
            .arg(files)
            .args(pids.iter().map(ToString::to_string));
        let text = output(&mut command)?;
        text.trim()
            .parse()
            .with_context(|| format!("the floor printed {text:?}"))
    }
}
