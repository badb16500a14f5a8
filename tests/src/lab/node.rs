//! A node of its own: processes that see no others, so that what is counted on a node is known.

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::lab::process::Guard;
use crate::lab::wait::eventually;

const START: Duration = Duration::from_secs(5);

/// The namespaces that others have named are not of this node. It ends by itself should the test be
/// killed before it can end it.
const BECOME: &str = "while umount -l /run/netns 2> /dev/null; do :; done; exec sleep 600";

/// A pid namespace whose first process does nothing, and a mount namespace with its `/proc`. What runs
/// in there ends with it.
#[derive(Debug)]
pub struct Node {
    /// The process that waits for the first one.
    _parent: Guard,
    first: u32,
}

impl Node {
    /// Starts one in the network namespace of the machine.
    pub fn start() -> Result<Self> {
        let mut command = Command::new("unshare");
        command
            .args([
                "--pid",
                "--fork",
                "--kill-child",
                "--mount-proc",
                "sh",
                "-c",
                BECOME,
            ])
            .stdin(Stdio::null());
        let parent = Guard::spawn(&mut command)?;
        let pid = parent.pid();
        let children = format!("/proc/{pid}/task/{pid}/children");
        let mut first = None;
        eventually(START, || {
            first = fs::read_to_string(&children)?.trim().parse().ok();
            // It has its own /proc before it becomes what it is to be.
            let name = first.map(|first: u32| fs::read_to_string(format!("/proc/{first}/comm")));
            Ok(name.is_some_and(|name| name.is_ok_and(|name| name == "sleep\n")))
        })
        .context("the node has not started")?;
        Ok(Self {
            _parent: parent,
            first: first.context("the node has no process")?,
        })
    }

    /// The words that give a command the `/proc` of this node.
    pub fn prefix(&self) -> [String; 2] {
        [
            "nsenter".to_owned(),
            format!("--mount=/proc/{}/ns/mnt", self.first),
        ]
    }

    /// Where its pid namespace is.
    pub fn pids(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/ns/pid", self.first))
    }
}

/// Starts a command in the pid namespace `pids`, by a thread of its own: one that has entered cannot
/// start threads any more.
pub fn spawn_in(pids: &std::path::Path, command: &mut Command) -> Result<Guard> {
    thread::scope(|scope| {
        let spawned = thread::Builder::new().spawn_scoped(scope, || {
            let file = File::open(pids).with_context(|| format!("cannot open {}", pids.display()))?;
            move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::ProcessID))
                .context("cannot enter the pid namespace of a node")?;
            Guard::spawn(command)
        });
        let joined = spawned.context("cannot start a thread")?.join();
        joined.unwrap_or_else(|panic| resume_unwind(panic))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::lab::command::output;

    #[test]
    fn its_processes_see_no_others_and_end_with_it() {
        let node = Node::start().unwrap();
        let mut sleeper = spawn_in(&node.pids(), Command::new("sleep").arg("60")).unwrap();
        let [program, option] = node.prefix();
        let seen = output(Command::new(program).args([&option, "sh", "-c", "echo /proc/[0-9]*"])).unwrap();
        let seen: Vec<&str> = seen.split_whitespace().collect();
        // Which number the second one has is the kernel's affair.
        assert!(seen.len() == 2 && seen[0] == "/proc/1", "{seen:?}");
        assert!(sleeper.ended().unwrap().is_none());
        drop(node);
        sleeper.wait(START).unwrap();
    }
}
