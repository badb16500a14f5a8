//! The snapshot of a node that one collection works with.

use std::sync::Arc;

use serde::Serialize;

use super::Pod;
use super::process::NetnsId;
use crate::kernel::procfs::NetnsReader;

/// What has numbers of its own on this node: nearly always a network namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EntityKind {
    /// The namespace of pid 1.
    Host,
    /// The namespace of a pod.
    Pod,
    /// A pod in the namespace of the host: processes without a network of their own.
    HostNetworkPod,
    /// The namespace of a pod that nobody has named yet.
    Unknown,
    /// Any other namespace.
    Other,
}

impl EntityKind {
    /// The kinds of network namespaces.
    pub const OF_NETNS: [Self; 4] = [Self::Host, Self::Pod, Self::Unknown, Self::Other];

    /// Its name; of a network namespace the value of the label `kind`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Pod => "pod",
            Self::HostNetworkPod => "host_network_pod",
            Self::Unknown => "unknown",
            Self::Other => "other",
        }
    }
}

/// A network namespace, whose it is, and how it is read; or a pod without one of its own.
#[derive(Debug, Clone, Serialize)]
pub struct Entity {
    /// Inode of the namespace: how a user finds it, and never a key beyond one scrape. 0 of a pod
    /// without one.
    pub inode: u64,
    /// Its cookie, which is never used again: the key of state that outlives a scrape. Unknown
    /// where only `/proc` is read.
    pub cookie: Option<u64>,
    /// What it is.
    pub kind: EntityKind,
    /// Value of the label `netns`; empty for the host.
    pub netns: String,
    /// The pod, once its name is known.
    #[serde(serialize_with = "as_pod")]
    pub pod: Option<Arc<Pod>>,
    /// UID of the pod it belongs to.
    pub pod_uid: Option<String>,
    /// The container it belongs to.
    pub container_id: Option<String>,
    /// How many processes are in it.
    pub processes: usize,
    /// Doors to its files, best one first.
    #[serde(skip)]
    pub readers: Vec<NetnsReader>,
}

#[expect(clippy::ref_option, reason = "serde hands over a reference to the field")]
fn as_pod<S: serde::Serializer>(pod: &Option<Arc<Pod>>, serializer: S) -> Result<S::Ok, S::Error> {
    pod.as_deref().serialize(serializer)
}

impl Entity {
    /// `true` unless it is in the network namespace of another entity.
    pub fn has_netns(&self) -> bool {
        self.kind != EntityKind::HostNetworkPod
    }

    /// What names its namespace.
    pub(super) fn netns_id(&self) -> NetnsId {
        NetnsId {
            cookie: self.cookie,
            inode: self.inode,
        }
    }
}

/// Why a scan does not see everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
pub enum ScanProblem {
    /// Namespace links of other users' processes cannot be read.
    #[error(
        "the network namespace of {0} processes cannot be read: CAP_SYS_PTRACE is missing, or a \
         security module denies ptrace reads; their namespaces are not exported"
    )]
    Unreadable(usize),
    /// Pid 1 cannot be asked.
    #[error(
        "the network namespace of pid 1 cannot be read (CAP_SYS_PTRACE is missing, or a security module denies it): the own \
         namespace of the exporter is taken for the host"
    )]
    HostUnknown,
    /// Namespaces that hold no process cannot be entered.
    #[error(
        "{0} network namespaces without a process cannot be entered: CAP_SYS_ADMIN is missing; they are not exported"
    )]
    Closed(usize),
    /// There is no process to be seen.
    #[error("{path} cannot be read: {error}")]
    NoProcesses {
        /// The directory.
        path: String,
        /// What the kernel said.
        error: String,
    },
}

/// A process of an exported entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntityProcess {
    /// Its pid.
    pub pid: u32,
    /// Its start, in clock ticks since boot: with the pid it names one process for good.
    pub started: u64,
    /// Index of its entity among those exported.
    pub entity: usize,
}

/// A process of no exported entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OtherProcess {
    /// Its pid.
    pub pid: u32,
    /// Its start, in clock ticks since boot.
    pub started: u64,
    /// It shows no namespace: it is a zombie, or hidden from us.
    pub is_nowhere: bool,
}

/// All namespaces whose numbers are exported, the host first, and a count of those that are not.
#[derive(Debug, Default, Clone)]
pub struct Entities {
    /// Those that are exported.
    pub exported: Vec<Entity>,
    /// Those that are only counted.
    pub hidden: Vec<Entity>,
    /// The processes of those that are exported.
    pub processes: Vec<EntityProcess>,
    /// All other processes.
    pub others: Vec<OtherProcess>,
    /// What the scan could not see.
    pub problems: Vec<ScanProblem>,
    /// UIDs of pods that are on the node and that the API server has not named.
    pub unknown_pods: Vec<String>,
    /// The pods of the node; none on a plain host.
    pub pods: Option<PodCounts>,
}

/// Pods of the node, by what is known of them.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PodCounts {
    /// They have numbers.
    pub exported: usize,
    /// They have processes, and the API server has not named them.
    pub waiting: usize,
    /// The API server names them, and they have no process.
    pub without_process: usize,
}

impl Entities {
    /// How many of a kind there are, exported or not.
    pub fn count(&self, kind: EntityKind) -> usize {
        self.all().filter(|entity| entity.kind == kind).count()
    }

    /// All that were found, exported or not.
    pub fn all(&self) -> impl Iterator<Item = &Entity> {
        self.exported.iter().chain(&self.hidden)
    }

    /// Those that are exported and have a network namespace of their own, with their places.
    pub fn with_netns(&self) -> impl Iterator<Item = (usize, &Entity)> {
        let exported = self.exported.iter().enumerate();
        exported.filter(|(_, entity)| entity.has_netns())
    }

    /// The host, where it is known.
    pub fn host(&self) -> Option<&Entity> {
        self.exported
            .first()
            .filter(|entity| entity.kind == EntityKind::Host)
    }
}
