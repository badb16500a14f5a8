//! The BPF passes alone: the programs that a running exporter has loaded, read from outside, beside
//! an empty program in their place, which shows what the kernel takes to go over the same objects.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};
use kubeskoop_exporter_tests::lab::command::output;
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::helper::Helper;

use crate::figures::Figures;

/// The compiled reader.
#[derive(Debug)]
pub struct Passes {
    helper: Helper,
}

/// What a pass goes over, as the kernel names it.
#[derive(Debug, Clone, Copy)]
pub enum Over {
    /// All tasks.
    Tasks,
    /// All open files.
    Files,
}

impl Over {
    fn target(self) -> &'static str {
        match self {
            Self::Tasks => "task",
            Self::Files => "task_file",
        }
    }
}

impl Passes {
    /// Compiles it.
    pub fn compile() -> Result<Self> {
        let helper = Helper::compile("iterate")?;
        Ok(Self { helper })
    }

    /// Reads a pass of `exporter` and its empty twin in turn, and adds the figures as `what` and
    /// `what, iteration alone`.
    pub fn measure(
        &self,
        exporter: &Exporter,
        over: Over,
        what: &str,
        rounds: usize,
        figures: &mut Figures,
    ) -> Result<()> {
        let link = link_of(exporter.pid(), over.target())?;
        let mut command = Command::new(self.helper.program());
        command.args([exporter.pid().to_string(), link, rounds.to_string()]);
        for line in output(&mut command)?.lines() {
            let (pass, iteration) = line.split_once(' ').context("one figure")?;
            figures.add(what, pass.parse()?);
            figures.add(&format!("{what}, iteration alone"), iteration.parse()?);
        }
        Ok(())
    }
}

/// The descriptor of the iterator's link in a process.
fn link_of(pid: u32, target: &str) -> Result<String> {
    let line = format!("target_name:\t{target}");
    let entries = fs::read_dir(format!("/proc/{pid}/fdinfo"))?.flatten();
    entries
        .filter(|entry| {
            let info = fs::read_to_string(entry.path()).unwrap_or_default();
            info.lines().any(|it| it == line)
        })
        .find_map(|entry| entry.file_name().into_string().ok())
        .with_context(|| format!("process {pid} has no iterator over {target}"))
}
