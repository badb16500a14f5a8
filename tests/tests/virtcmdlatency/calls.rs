//! The kernel's own count of the calls of a function.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

const TRACING: &str = "/sys/kernel/tracing";
const EVENT: &str = "ksk/calls";
/// A line for each event: its name, how often it was hit, how often it was missed.
const PROFILE: &str = "kprobe_profile";

/// Calls of a function, counted by an event of tracefs until it is dropped.
#[derive(Debug)]
pub struct Calls {
    profile: PathBuf,
}

impl Calls {
    /// Counts the calls of the first of these functions that the module has.
    pub fn of(functions: &[&str], module: &str) -> Result<Self> {
        let symbols = fs::read_to_string("/proc/kallsyms")?;
        let of_module: Vec<&str> = symbols
            .lines()
            .filter_map(|line| line.strip_suffix(&format!("\t[{module}]"))?.split(' ').nth(2))
            .collect();
        let function = functions.iter().find(|function| of_module.contains(function));
        let function = function.with_context(|| format!("{module} has none of {functions:?}"))?;
        define(&format!("p:{EVENT} {function}"))?;
        let calls = Self {
            profile: Path::new(TRACING).join(PROFILE),
        };
        enable(true)?;
        Ok(calls)
    }

    /// How many there were.
    pub fn number(&self) -> Result<u32> {
        let profile = fs::read_to_string(&self.profile)?;
        let line = profile.lines().find(|line| line.trim().starts_with("calls "));
        let numbers = line.context("no such event")?.split_whitespace().skip(1);
        Ok(numbers.map(str::parse::<u32>).sum::<Result<_, _>>()?)
    }
}

impl Drop for Calls {
    fn drop(&mut self) {
        let removed = enable(false).and_then(|()| define(&format!("-:{EVENT}")));
        if let Err(error) = removed {
            eprintln!("{error:#}");
        }
    }
}

fn define(event: &str) -> Result<()> {
    let path = Path::new(TRACING).join("kprobe_events");
    let mut file = OpenOptions::new().append(true).open(&path)?;
    writeln!(file, "{event}").with_context(|| format!("{event:?} to {}", path.display()))
}

fn enable(enable: bool) -> Result<()> {
    let path = Path::new(TRACING).join("events").join(EVENT).join("enable");
    fs::write(&path, if enable { "1" } else { "0" }).with_context(|| path.display().to_string())
}
