//! What the threads and the memory of a process look like from outside.

use std::fs;

use anyhow::{Context, Result};

/// How often the threads of a process were put on a CPU or taken off it: the sum over those that live.
pub fn context_switches(pid: u32) -> Result<u64> {
    let mut switches = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let status = thread?.path().join("status");
        // One that has ended meanwhile is none.
        let Ok(status) = fs::read_to_string(status) else {
            continue;
        };
        for kind in ["voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"] {
            switches += number(&status, kind)?;
        }
    }
    Ok(switches)
}

/// Resident memory in KiB.
pub fn resident(pid: u32) -> Result<u64> {
    number(&fs::read_to_string(format!("/proc/{pid}/status"))?, "VmRSS")
}

/// How many files it has open.
pub fn open_files(pid: u32) -> Result<usize> {
    Ok(fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}

/// The ids of its BPF maps.
pub fn maps(pid: u32) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    for file in fs::read_dir(format!("/proc/{pid}/fdinfo"))? {
        let Ok(info) = fs::read_to_string(file?.path()) else {
            continue;
        };
        let id = info.lines().find_map(|line| line.strip_prefix("map_id:"));
        ids.extend(id.map(|id| id.trim().to_owned()));
    }
    ids.sort();
    ids.dedup();
    Ok(ids)
}

fn number(status: &str, key: &str) -> Result<u64> {
    let value = |line: &str| {
        let rest = line.strip_prefix(key)?.strip_prefix(':')?;
        rest.split_whitespace().next()?.parse().ok()
    };
    status
        .lines()
        .find_map(value)
        .with_context(|| format!("no {key}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::process::Command;
    use std::time::Duration;

    use super::*;
    use crate::lab::process::Guard;
    use crate::lab::wait::eventually;

    #[test]
    fn a_process_has_threads_memory_and_files() {
        // Not this process: threads of other tests end, and take their switches with them.
        let mut command = Command::new("sh");
        let waits =
            Guard::spawn(command.args(["-c", "for i in 1 2 3 4 5 6 7 8 9; do sleep 0.1; done"])).unwrap();
        let before = context_switches(waits.pid()).unwrap();
        eventually(Duration::from_secs(5), || {
            Ok(context_switches(waits.pid())? > before)
        })
        .unwrap();
        let me = std::process::id();
        assert!(resident(me).unwrap() > 100);
        assert!(open_files(me).unwrap() > 2);
    }

    #[test]
    fn numbers_stand_behind_their_names() {
        let status = "xVmRSS: 1\nVmRSS:\t    1234 kB\nVmRSSX: 2\n";
        assert_eq!(number(status, "VmRSS").unwrap(), 1234);
        assert!(number(status, "VmSize").is_err());
    }
}
