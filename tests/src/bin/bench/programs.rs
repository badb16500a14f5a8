//! BPF programs that a process has loaded: how often they ran, and for how long.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};

/// A program that hangs on something.
#[derive(Debug, Clone)]
pub struct Program {
    /// The tracepoint; `a function` where the kernel does not name what it hangs on.
    pub hook: String,
    /// How often it ran while the kernel measured.
    pub runs: u64,
    /// For how long, in nanoseconds.
    pub nanoseconds: u64,
}

impl Program {
    /// How long it took each time.
    pub fn nanoseconds_each(&self) -> u64 {
        self.nanoseconds / self.runs.max(1)
    }
}

/// Those of a process that run by themselves, in the order of their hooks.
pub fn of(pid: u32) -> Result<Vec<Program>> {
    let directory = format!("/proc/{pid}/fdinfo");
    let (mut hooks, mut programs) = (BTreeMap::new(), BTreeMap::new());
    for entry in fs::read_dir(&directory).with_context(|| directory.clone())? {
        // One that was closed meanwhile is none.
        let info = fs::read_to_string(entry?.path()).unwrap_or_default();
        let field = |name: &str| {
            let mut lines = info.lines().filter_map(|line| line.split_once(":\t"));
            lines.find_map(|(it, value)| (it == name).then_some(value))
        };
        let Some(id) = field("prog_id") else { continue };
        if let Some(kind) = field("link_type") {
            // Those of the passes run when they are read.
            if kind == "iter" {
                continue;
            }
            let hook = field("tp_name").unwrap_or("a function");
            hooks.insert(id.to_owned(), hook.to_owned());
        } else if let (Some(runs), Some(nanoseconds)) = (field("run_cnt"), field("run_time_ns")) {
            programs.insert(id.to_owned(), (runs.parse()?, nanoseconds.parse()?));
        }
    }
    let program = |(id, hook): (String, String)| {
        let (runs, nanoseconds) = *programs.get(&id)?;
        Some(Program {
            hook,
            runs,
            nanoseconds,
        })
    };
    let mut found: Vec<Program> = hooks.into_iter().filter_map(program).collect();
    found.sort_by(|a, b| a.hook.cmp(&b.hook));
    Ok(found)
}
