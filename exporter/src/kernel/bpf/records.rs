//! The records that the passes write, as `bpf/include/records.h` lays them out.

use std::io;

use crate::kernel::procfs::fd::Descriptors;
use crate::kernel::procfs::io::IoCounters;
use crate::kernel::tcp::TcpSummary;

/// Statistics of connection tracking in a record: found, invalid, ignore, insert, `insert_failed`,
/// drop, `early_drop`, error, `search_restart`.
pub const CONNTRACK_STATS: usize = 9;
const IO_STATS: usize = 7;

/// A network namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetnsRecord {
    /// Its cookie; its inode where the kernel has no cookies.
    pub cookie: u64,
    /// Its inode.
    pub inode: u64,
    /// Which of its fields it has.
    pub has: u32,
    /// Sockets in `TIME_WAIT`.
    pub time_wait: i32,
    /// Entries of connection tracking.
    pub conntrack_entries: i32,
    /// TCP sockets in use, IPv4 and IPv6.
    pub tcp_inuse: [i32; 2],
    /// `Ip: Forwarding` and `Ip: DefaultTTL`.
    pub ip_settings: [u32; 2],
    /// Statistics of connection tracking.
    pub conntrack: [u64; CONNTRACK_STATS],
    /// The counters asked for, table after table.
    pub cells: Vec<u64>,
}

impl NetnsRecord {
    /// `has`: `time_wait`.
    pub const HAS_TIME_WAIT: u32 = 1;
    /// `has`: both of `tcp_inuse`, or only that of IPv4 where the kernel has no IPv6.
    pub const HAS_TCP_INUSE: u32 = 2;
    /// `has`: `conntrack`.
    pub const HAS_CONNTRACK: u32 = 8;
    /// `has`: `conntrack_entries`.
    pub const HAS_CONNTRACK_ENTRIES: u32 = 16;
    /// `has`: `ip_settings`.
    pub const HAS_IP_SETTINGS: u32 = 32;
}

/// A process, or a thread that is elsewhere than its process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TaskRecord {
    /// Its process.
    pub tgid: u32,
    /// Itself.
    pub tid: u32,
    /// Start of the process, in nanoseconds since boot.
    pub start: u64,
    /// Cookie of its namespace; 0 for a task that has exited.
    pub netns: u64,
    /// Inode of its namespace.
    pub inode: u64,
    /// What it is.
    pub flags: u32,
    /// The process that will wait for it; 0 if that is out of sight.
    pub parent: u32,
    /// Its cgroup on the unified hierarchy, and on a v1 one where there is any.
    pub cgroups: [u64; 2],
    /// `rchar wchar syscr syscw read_bytes write_bytes cancelled_write_bytes` of the whole process.
    pub io_stats: [u64; IO_STATS],
}

impl TaskRecord {
    /// `flags`: it stands for the process.
    pub const IS_PROCESS: u32 = 1;
    /// `flags`: this kernel counts what it reads and writes.
    pub const HAS_IO: u32 = 4;
    /// `flags`: threads came and went while that was added up.
    pub const IO_IS_UNSTEADY: u32 = 8;

    /// `true` if it stands for the process.
    pub fn is_process(&self) -> bool {
        self.flags & Self::IS_PROCESS != 0
    }

    /// `true` if this kernel counts what processes read and write.
    pub fn counts_io(&self) -> bool {
        self.flags & Self::HAS_IO != 0
    }

    /// What the process has read and written; none if that could not be added up this time.
    pub fn io(&self) -> Option<IoCounters> {
        let [_, _, read_calls, write_calls, read_bytes, write_bytes, _] = self.io_stats;
        let is_known = self.flags & (Self::HAS_IO | Self::IO_IS_UNSTEADY) == Self::HAS_IO;
        is_known.then_some(IoCounters {
            read_calls,
            write_calls,
            read_bytes,
            write_bytes,
        })
    }
}

/// The open files of a process, those of one namespace if it has sockets of several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FilesRecord {
    /// The process.
    pub tgid: u32,
    /// Its start, in nanoseconds since boot.
    pub start: u64,
    /// Cookie of the namespace of its TCP sockets; 0 without any.
    pub netns: u64,
    /// Its open descriptors.
    pub descriptors: Descriptors,
    /// TCP sockets that were met for the first time in this pass. `TIME_WAIT` is not among them,
    /// which no descriptor leads to.
    pub tcp: TcpSummary,
    /// Accept queues too long to be walked to their end.
    pub cut: u32,
}

/// The name of a cgroup.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CgroupRecord {
    /// Its id within its hierarchy.
    pub id: u64,
    /// Its hierarchy; 0 is the unified one.
    pub hierarchy: u32,
    /// Its absolute path.
    pub path: String,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A network namespace.
    Netns(NetnsRecord),
    /// A task.
    Task(TaskRecord),
    /// A cgroup.
    Cgroup(CgroupRecord),
    /// Open files.
    Files(FilesRecord),
}

/// Calls `each` with every record.
///
/// # Errors
/// The bytes are not what the programs of this build write.
pub fn read(mut bytes: &[u8], mut each: impl FnMut(Record)) -> io::Result<()> {
    while !bytes.is_empty() {
        let mut header = Fields(bytes);
        let (kind, size) = (header.u32()?, header.u32()? as usize);
        let body = bytes.get(8..size).ok_or_else(invalid)?;
        each(record(kind, Fields(body))?);
        bytes = &bytes[size..];
    }
    Ok(())
}

fn record(kind: u32, mut fields: Fields<'_>) -> io::Result<Record> {
    Ok(match kind {
        1 => Record::Netns(NetnsRecord {
            cookie: fields.u64()?,
            inode: fields.u32()?.into(),
            has: fields.u32()?,
            time_wait: fields.i32()?,
            conntrack_entries: fields.i32()?,
            tcp_inuse: [fields.i32()?, fields.i32()?],
            ip_settings: [fields.u32()?, fields.u32()?],
            conntrack: fields.u64s()?,
            cells: fields.rest()?,
        }),
        2 => Record::Task(TaskRecord {
            tgid: fields.u32()?,
            tid: fields.u32()?,
            start: fields.u64()?,
            netns: fields.u64()?,
            inode: fields.u32()?.into(),
            flags: fields.u32()?,
            parent: {
                let parent = fields.u32()?;
                fields.u32()?;
                parent
            },
            cgroups: fields.u64s()?,
            io_stats: fields.u64s()?,
        }),
        3 => {
            let id = fields.u64()?;
            let (hierarchy, length) = (fields.u32()?, fields.u32()? as usize);
            let names = fields.0.get(..length).ok_or_else(invalid)?;
            Record::Cgroup(CgroupRecord {
                id,
                hierarchy,
                path: path_of(names),
            })
        }
        4 => Record::Files(files(fields)?),
        _ => return Err(invalid()),
    })
}

fn files(mut fields: Fields<'_>) -> io::Result<FilesRecord> {
    let (tgid, _tid) = (fields.u32()?, fields.u32()?);
    let (start, netns, _inode) = (fields.u64()?, fields.u64()?, fields.u32()?);
    let descriptors = Descriptors {
        open: fields.u32()?.into(),
        sockets: fields.u32()?.into(),
    };
    let [established, close_wait, syn_sent, syn_recv, cut] = fields.u32s()?;
    let [tx_queue, rx_queue] = fields.u64s()?;
    let tcp = TcpSummary {
        established: established.into(),
        close_wait: close_wait.into(),
        syn_sent: syn_sent.into(),
        syn_recv: syn_recv.into(),
        time_wait: 0,
        tx_queue,
        rx_queue,
    };
    Ok(FilesRecord {
        tgid,
        start,
        netns,
        descriptors,
        tcp,
        cut,
    })
}

/// Names come from the leaf up to the root, each with its 0; the root's is empty.
fn path_of(names: &[u8]) -> String {
    let mut names: Vec<_> = names
        .split(|byte| *byte == 0)
        .map(String::from_utf8_lossy)
        .collect();
    names.pop();
    names.reverse();
    if names.len() == 1 {
        "/".into()
    } else {
        names.join("/")
    }
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn u32(&mut self) -> io::Result<u32> {
        let (head, rest) = self.0.split_first_chunk().ok_or_else(invalid)?;
        self.0 = rest;
        Ok(u32::from_ne_bytes(*head))
    }

    fn i32(&mut self) -> io::Result<i32> {
        self.u32().map(u32::cast_signed)
    }

    fn u64(&mut self) -> io::Result<u64> {
        let (head, rest) = self.0.split_first_chunk().ok_or_else(invalid)?;
        self.0 = rest;
        Ok(u64::from_ne_bytes(*head))
    }

    fn u32s<const N: usize>(&mut self) -> io::Result<[u32; N]> {
        let mut numbers = [0; N];
        for number in &mut numbers {
            *number = self.u32()?;
        }
        Ok(numbers)
    }

    fn u64s<const N: usize>(&mut self) -> io::Result<[u64; N]> {
        let mut numbers = [0; N];
        for number in &mut numbers {
            *number = self.u64()?;
        }
        Ok(numbers)
    }

    fn rest(&mut self) -> io::Result<Vec<u64>> {
        (0..self.0.len() / 8).map(|_| self.u64()).collect()
    }
}

fn invalid() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "a record that the programs of this build do not write",
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_path_is_put_together_from_its_leaf() {
        assert_eq!(path_of(b"leaf\0kubepods\0\0"), "/kubepods/leaf");
        assert_eq!(path_of(b"\0"), "/");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), kind in 0_u32..6) {
            let _ = read(&bytes, |_| {});
            let size = u32::try_from(bytes.len() + 8).expect("small");
            let framed = [&kind.to_ne_bytes()[..], &size.to_ne_bytes(), &bytes].concat();
            let _ = read(&framed, |_| {});
        }
    }
}
