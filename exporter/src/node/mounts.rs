//! Namespaces that `ip netns` has named: bind mounts under `/run/netns`.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;

use crate::kernel::procfs::ProcFs;

/// A named namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetnsMount {
    /// Its name.
    pub name: String,
    /// The bind mount.
    pub path: PathBuf,
}

/// The named namespaces of the host by inode. Of two names for one namespace the first in the
/// alphabet is taken.
pub fn named_namespaces(procfs: &ProcFs) -> FxHashMap<u64, NetnsMount> {
    // The mounts of pid 1 are the host's; its root is closed to a process without CAP_SYS_PTRACE.
    let of_host = procfs.path("1/root/run/netns");
    if of_host.is_dir() || !procfs.is_own() {
        return mounts_in(&of_host);
    }
    mounts_in(Path::new("/run/netns"))
}

fn mounts_in(directory: &Path) -> FxHashMap<u64, NetnsMount> {
    let mut mounts = FxHashMap::default();
    let Some(nsfs) = std::fs::metadata("/proc/self/ns/net").ok().map(|it| it.dev()) else {
        return mounts;
    };
    let mut entries: Vec<PathBuf> = match std::fs::read_dir(directory) {
        Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
        Err(_) => return mounts,
    };
    entries.sort_unstable();
    for path in entries {
        // The file of a namespace whose mount is gone is an ordinary empty file.
        let Some(inode) = std::fs::metadata(&path)
            .ok()
            .filter(|it| it.dev() == nsfs)
            .map(|it| it.ino())
        else {
            continue;
        };
        let Some(name) = path.file_name().map(|name| name.to_string_lossy().into_owned()) else {
            continue;
        };
        mounts.entry(inode).or_insert(NetnsMount { name, path });
    }
    mounts
}
