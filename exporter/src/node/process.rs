//! What is known of a process, wherever it comes from.

use std::sync::Arc;

use crate::kernel::procfs::cgroup::CgroupOwner;

/// A network namespace. Two that lived at different times may have one inode, but never one cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NetnsId {
    /// Its cookie (`net_cookie`), which is never used again; unknown where only `/proc` is read.
    pub cookie: Option<u64>,
    /// Its inode.
    pub inode: u64,
}

impl NetnsId {
    /// One of which only the inode is known.
    pub fn of_inode(inode: u64) -> Self {
        Self { cookie: None, inode }
    }
}

/// A process, or a thread that is elsewhere than its process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its pid; of a thread that of its process.
    pub pid: u32,
    /// `true` for the leader of a thread group, which stands for the process.
    pub is_leader: bool,
    /// Start, in clock ticks since boot.
    pub started: u64,
    /// Its network namespace; none for a zombie.
    pub netns: Option<NetnsId>,
    /// The thread that stands for it where the main thread has exited or is elsewhere.
    pub thread: Option<u32>,
    /// Its pod and container.
    pub owner: Option<Arc<CgroupOwner>>,
}

impl Process {
    /// The task below `/proc` that stands for it: `pid`, or `pid/task/tid`.
    pub fn task(&self) -> String {
        match self.thread {
            None => self.pid.to_string(),
            Some(thread) => format!("{}/task/{thread}", self.pid),
        }
    }
}
