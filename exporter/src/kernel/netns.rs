//! Entering a network namespace, for what can only be asked from within.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// An open network namespace. It keeps the namespace alive, so it is never held between scrapes.
#[derive(Debug)]
pub struct Netns {
    file: File,
}

impl Netns {
    /// Opens a namespace by the path of a bind mount or of a `/proc/<pid>/ns/net` link.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: File::open(path)?,
        })
    }

    /// Its inode on nsfs, which is how a user finds a namespace.
    pub fn inode(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.ino())
    }

    /// Runs `within` with the calling thread in this namespace, and brings the thread back.
    ///
    /// # Errors
    /// `CAP_SYS_ADMIN` is missing, or this is no network namespace.
    ///
    /// # Aborts
    /// If the thread cannot be brought back: whatever ran on it next would speak of a wrong pod.
    pub fn enter<T>(&self, within: impl FnOnce() -> T) -> io::Result<T> {
        let home = File::open("/proc/thread-self/ns/net")?;
        let network = Some(LinkNameSpaceType::Network);
        move_into_link_name_space(self.file.as_fd(), network)?;
        let _back = Return { home };
        Ok(within())
    }
}

/// What tells a namespace that a bind mount pins from every other, also from one that gets its name
/// and its inode after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pinned {
    /// Its inode on nsfs.
    pub inode: u64,
    /// When the kernel made that inode, which lives as long as the mount (`fs/nsfs.c`): seconds and
    /// nanoseconds.
    made: (i64, i64),
}

/// The namespace that is mounted on a path.
///
/// # Errors
/// There is no such file.
pub fn pinned(path: &Path) -> io::Result<Pinned> {
    let file = std::fs::metadata(path)?;
    Ok(Pinned {
        inode: file.ino(),
        made: (file.ctime(), file.ctime_nsec()),
    })
}

/// Brings the thread home when dropped, also while a panic unwinds.
struct Return {
    home: File,
}

impl Drop for Return {
    fn drop(&mut self) {
        let network = Some(LinkNameSpaceType::Network);
        if let Err(error) = move_into_link_name_space(self.home.as_fd(), network) {
            tracing::error!(%error, "cannot return to the own network namespace");
            std::process::abort();
        }
    }
}
