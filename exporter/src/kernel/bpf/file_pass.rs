//! The pass over all open files: the descriptors of every process, and the TCP sockets of every
//! network namespace.

use std::io;

use libbpf_rs::Link;
use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use rustc_hash::{FxBuildHasher, FxHashMap};

use super::records::{FilesRecord, Record, read};
use super::skeletons::files::{FilesSkel, FilesSkelBuilder};
use super::skeletons::storage;
use super::{BpfError, iterator};
use crate::kernel::procfs::fd::Descriptors;
use crate::kernel::tcp::TcpSummary;

/// Sockets that several descriptors lead to and that one pass can tell apart, at first: 64 KiB.
pub(super) const SLOTS: u32 = 4096;
/// 32 MiB: a million of them, half full.
pub(super) const MOST_SLOTS: u32 = 1 << 21;

/// The loaded pass.
///
/// What it cannot see: sockets that no process has a descriptor of, such as those of the kernel
/// itself (NFS, iSCSI, the subflows of MPTCP) and those that are only on their way in a message
/// (`SCM_RIGHTS`) or only registered with `io_uring`.
pub struct FilePass {
    skeleton: FilesSkel<'static>,
    link: Link,
    slots: u32,
    buffer: Vec<u8>,
}

impl std::fmt::Debug for FilePass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FilePass")
            .field("slots", &self.slots)
            .finish_non_exhaustive()
    }
}

/// What one pass saw.
#[derive(Debug, Clone, Default)]
pub struct FileSnapshot {
    netns: FxHashMap<u64, Sockets>,
    processes: FxHashMap<u32, OpenFiles>,
    /// Sockets that found no room in the map by which they are counted once. They are in the
    /// numbers nonetheless: the pass was repeated with a larger one.
    pub without_room: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sockets {
    tcp: TcpSummary,
    is_cut: bool,
}

/// The open files of a process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OpenFiles {
    /// Start of the process, in nanoseconds since boot.
    pub start: u64,
    /// Its descriptors.
    pub descriptors: Descriptors,
    /// The TCP sockets they lead to, but for those that another process was counted with.
    pub tcp: TcpSummary,
}

impl FileSnapshot {
    /// The TCP sockets of the namespace with this cookie, but for those in `TIME_WAIT`; none if an
    /// accept queue was too long to be walked.
    pub fn tcp(&self, cookie: u64) -> Option<TcpSummary> {
        let sockets = self.netns.get(&cookie).copied().unwrap_or_default();
        (!sockets.is_cut).then_some(sockets.tcp)
    }

    /// The open files of a process; none if it has none.
    pub fn of_process(&self, pid: u32) -> Option<OpenFiles> {
        self.processes.get(&pid).copied()
    }

    fn add(&mut self, record: &FilesRecord) {
        let files = self.processes.entry(record.tgid).or_default();
        files.start = record.start;
        files.descriptors = files.descriptors.plus(record.descriptors);
        files.tcp = files.tcp.plus(record.tcp);
        if record.netns != 0 {
            let sockets = self.netns.entry(record.netns).or_default();
            sockets.tcp = sockets.tcp.plus(record.tcp);
            sockets.is_cut |= record.cut > 0;
        }
    }
}

impl FilePass {
    /// Loads the program.
    ///
    /// # Errors
    /// The kernel or this process cannot, see [`BpfError`].
    pub fn load() -> Result<Self, BpfError> {
        Self::with_slots(SLOTS)
    }

    fn with_slots(slots: u32) -> Result<Self, BpfError> {
        libbpf_rs::set_print(None);
        let open = |error| BpfError::of("opening the file pass", &error);
        let mut skeleton = FilesSkelBuilder::default().open(storage()).map_err(open)?;
        skeleton.maps.counted.set_max_entries(slots).map_err(open)?;
        if let Some(rodata) = skeleton.maps.rodata_data.as_deref_mut() {
            rodata.counted_slots = slots;
        }
        let skeleton = skeleton
            .load()
            .map_err(|error| BpfError::of("loading the file pass", &error))?;
        let link = skeleton
            .progs
            .read_files
            .attach()
            .map_err(|error| BpfError::of("attaching the file pass", &error))?;
        Ok(Self {
            skeleton,
            link,
            slots,
            buffer: Vec::new(),
        })
    }

    /// Goes over all open files; once more with more room if the sockets found too little.
    ///
    /// # Errors
    /// The kernel refuses, there is no room for that many sockets, or the records are not understood.
    pub fn read(&mut self) -> Result<FileSnapshot, BpfError> {
        let mut without_room = 0;
        loop {
            let lost = self.pass()?;
            if lost == 0 {
                break;
            }
            without_room += u64::from(lost);
            self.grow(lost)?;
        }
        let mut snapshot = FileSnapshot {
            without_room,
            processes: FxHashMap::with_capacity_and_hasher(
                self.buffer.len() / size_of::<FilesRecord>(),
                FxBuildHasher,
            ),
            ..FileSnapshot::default()
        };
        let understood = read(&self.buffer, |record| {
            if let Record::Files(record) = record {
                snapshot.add(&record);
            }
        });
        understood.map_err(|error| failed(&error))?;
        Ok(snapshot)
    }

    /// One pass. Returns how many sockets found no room and may so have been counted repeatedly.
    fn pass(&mut self) -> Result<u32, BpfError> {
        let lost = |skeleton: &FilesSkel<'_>| skeleton.maps.bss_data.as_ref().map_or(0, |it| it.counted_lost);
        let before = lost(&self.skeleton);
        iterator::read_pass(&self.link, &mut self.buffer).map_err(|error| failed(&error))?;
        Ok(lost(&self.skeleton).wrapping_sub(before))
    }

    fn grow(&mut self, lost: u32) -> Result<(), BpfError> {
        let wanted = self.slots.saturating_add(lost).saturating_mul(2);
        let slots = wanted.checked_next_power_of_two().unwrap_or(u32::MAX);
        if slots > MOST_SLOTS {
            return Err(BpfError::Other {
                step: "reading the file pass",
                error: format!("more than {} sockets are shared by processes", MOST_SLOTS / 2),
            });
        }
        *self = Self::with_slots(slots)?;
        Ok(())
    }
}

fn failed(error: &io::Error) -> BpfError {
    BpfError::of_io("reading the file pass", error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(tgid: u32, netns: u64, sockets: u64, established: u64, cut: u32) -> FilesRecord {
        FilesRecord {
            tgid,
            start: 7,
            netns,
            descriptors: Descriptors {
                open: sockets + 3,
                sockets,
            },
            tcp: TcpSummary {
                established,
                ..TcpSummary::default()
            },
            cut,
        }
    }

    #[test]
    fn a_process_with_sockets_of_two_namespaces_is_one_and_they_are_two() {
        let mut snapshot = FileSnapshot::default();
        for record in [
            record(1, 5, 2, 2, 0),
            record(1, 6, 1, 1, 0),
            record(2, 5, 4, 3, 0),
        ] {
            snapshot.add(&record);
        }
        let established = |cookie| snapshot.tcp(cookie).map(|it| it.established);
        assert_eq!((established(5), established(6)), (Some(5), Some(1)));
        let files = snapshot.of_process(1).map(|it| (it.start, it.descriptors));
        assert_eq!(files, Some((7, Descriptors { open: 9, sockets: 3 })));
        assert_eq!(snapshot.of_process(3), None);
    }

    #[test]
    fn a_namespace_without_a_socket_has_none_and_one_with_a_cut_queue_is_not_known() {
        let mut snapshot = FileSnapshot::default();
        snapshot.add(&record(1, 5, 1, 1, 1));
        snapshot.add(&record(2, 5, 1, 1, 0));
        snapshot.add(&record(3, 0, 0, 0, 0));
        assert_eq!(snapshot.tcp(5), None);
        assert_eq!(snapshot.tcp(6), Some(TcpSummary::default()));
        assert!(snapshot.netns.len() == 1);
    }
}
