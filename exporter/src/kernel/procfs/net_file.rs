//! The per-namespace files below `/proc/<pid>/net`, each read once however many probes use it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::{ProcFs, read_into};
use crate::kernel::netns::Netns;

/// A file of a network namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NetFile {
    /// IPv4 protocol counters: Ip, Icmp, Tcp, Udp.
    Snmp,
    /// IPv6 protocol counters.
    Snmp6,
    /// Extended TCP and IP counters.
    Netstat,
    /// Counters of every network device.
    Dev,
    /// IPv4 sockets in use.
    Sockstat,
    /// IPv6 sockets in use.
    Sockstat6,
    /// Connection tracking counters, a line a CPU.
    NfConntrack,
    /// Per-CPU backlog counters; the same in every namespace.
    SoftnetStat,
    /// Counters of the virtual servers of IPVS.
    IpVsStats,
    /// The IPv4 routing table.
    Route,
    /// The IPv6 routing table.
    Ipv6Route,
}

impl NetFile {
    /// How many there are.
    pub const COUNT: usize = 11;

    /// Its path below `/proc/<pid>/net`.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Snmp => "snmp",
            Self::Snmp6 => "snmp6",
            Self::Netstat => "netstat",
            Self::Dev => "dev",
            Self::Sockstat => "sockstat",
            Self::Sockstat6 => "sockstat6",
            Self::NfConntrack => "stat/nf_conntrack",
            Self::SoftnetStat => "softnet_stat",
            Self::IpVsStats => "ip_vs_stats",
            Self::Route => "route",
            Self::Ipv6Route => "ipv6_route",
        }
    }
}

impl fmt::Display for NetFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "net/{}", self.path())
    }
}

/// A door through which the files of a namespace can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetnsReader {
    /// `/proc/<task>/net` of a living task: a pid, or `pid/task/tid` where the main thread has
    /// exited.
    Task(String),
    /// A bind mount of a namespace that holds no process; reading it takes setns.
    Mount(PathBuf),
}

impl NetnsReader {
    /// The file that stands for the namespace itself, and keeps it alive while it is open.
    pub fn namespace(&self, procfs: &ProcFs) -> PathBuf {
        match self {
            Self::Task(task) => procfs.path(&format!("{task}/ns/net")),
            Self::Mount(path) => path.clone(),
        }
    }
}

/// The files of the namespace that is being read, with buffers that live on from one to the next.
#[derive(Debug, Default)]
pub struct NetnsFiles {
    buffers: [Vec<u8>; NetFile::COUNT],
    states: [Option<Result<(), io::ErrorKind>>; NetFile::COUNT],
    path: PathBuf,
}

impl NetnsFiles {
    /// Reads `files` through `reader`, which must lead to the namespace with this inode.
    ///
    /// A file that is missing is remembered as such; it is for each probe to say what that means.
    ///
    /// # Errors
    /// The reader leads nowhere any more, or not to this namespace.
    pub fn load(
        &mut self,
        procfs: &ProcFs,
        reader: &NetnsReader,
        inode: u64,
        files: &[NetFile],
    ) -> io::Result<()> {
        self.states = Default::default();
        match reader {
            NetnsReader::Task(task) => {
                self.load_of_task(procfs, task, files);
                // A file that is missing may be one this kernel lacks, or the task has gone.
                let all_there = self.states.iter().flatten().all(Result::is_ok);
                if !all_there && leads_elsewhere(procfs, task, inode) {
                    return Err(io::ErrorKind::NotFound.into());
                }
            }
            NetnsReader::Mount(path) => {
                let netns = Netns::open(path)?;
                if netns.inode()? != inode {
                    return Err(io::ErrorKind::NotFound.into());
                }
                netns.enter(|| self.load_of_task(&ProcFs::default(), "thread-self", files))?;
            }
        }
        Ok(())
    }

    /// The text of a file that was asked for.
    ///
    /// # Errors
    /// It could not be read: [`io::ErrorKind::NotFound`] where this kernel does not have it.
    pub fn text(&self, file: NetFile) -> io::Result<&[u8]> {
        match self.states[file as usize] {
            Some(Ok(())) => Ok(&self.buffers[file as usize]),
            Some(Err(kind)) => Err(kind.into()),
            None => Err(io::Error::other(format!("{file} was not asked for"))),
        }
    }

    fn load_of_task(&mut self, procfs: &ProcFs, task: &str, files: &[NetFile]) {
        for file in files {
            let index = *file as usize;
            self.path.clear();
            self.path.extend([
                procfs.root(),
                Path::new(task),
                Path::new("net"),
                Path::new(file.path()),
            ]);
            let result = read_into(&self.path, &mut self.buffers[index]);
            self.states[index] = Some(result.map_err(|error| error.kind()));
        }
    }
}

/// Whether a task is in another namespace than this one, or in none any more.
fn leads_elsewhere(procfs: &ProcFs, task: &str, inode: u64) -> bool {
    match procfs.namespace_inode(&format!("{task}/ns/net")) {
        Ok(now) => now != inode,
        // The links of a task that is ending are closed to more than those of one that lives. Every
        // namespace has this file: without it the task has no namespace.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            !procfs.path(&format!("{task}/{}", NetFile::Dev)).exists()
        }
        Err(_) => true,
    }
}
