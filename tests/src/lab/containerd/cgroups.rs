//! The control groups of pods, as a kubelet that drives them itself (`cgroupfs`) names them.

use anyhow::Result;

use crate::lab::cgroup::Cgroup;

/// Which version of control groups containerd sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cgroups {
    /// The machine's hierarchies of version 1, one for each controller.
    V1,
    /// The unified hierarchy alone. Containers have a cgroup namespace of their own.
    V2,
}

impl Cgroups {
    /// Whether this machine has such groups.
    pub fn is_here(self) -> Result<bool> {
        match self {
            Self::V1 => Cgroup::has_version_one(),
            Self::V2 => Ok(true),
        }
    }

    /// Shell commands that let nothing else be seen in a mount namespace, and that hide where CNI and runc
    /// keep what is of no use later.
    pub(super) fn mounts(self) -> &'static str {
        match self {
            Self::V1 => "mount -t tmpfs tmpfs /run; mount -t tmpfs tmpfs /var/lib",
            Self::V2 => {
                "mount -t tmpfs tmpfs /run; mount -t tmpfs tmpfs /var/lib; \
                 umount -l /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup"
            }
        }
    }

    /// Makes the groups of a pod in all hierarchies.
    pub(super) fn of_pod(self, uid: &str) -> Result<Vec<Cgroup>> {
        let path = path(uid);
        match self {
            Self::V1 => Cgroup::everywhere(&path),
            Self::V2 => Ok(vec![Cgroup::new(&path)?]),
        }
    }
}

/// The path of a pod's group in each hierarchy.
pub(super) fn path(uid: &str) -> String {
    format!("/kubepods/burstable/pod{uid}")
}
