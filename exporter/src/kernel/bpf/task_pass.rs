//! The pass over all tasks: who is where, and the counters of every network namespace.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::os::fd::AsRawFd;
use std::path::Path;

use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use libbpf_rs::{Link, ProgramInput};
use rustc_hash::FxHashMap;

use super::columns::TABLES;
use super::records::{CONNTRACK_STATS, CgroupRecord, NetnsRecord, Record, TaskRecord, read};
use super::skeletons::storage;
use super::skeletons::tasks::{TasksSkel, TasksSkelBuilder};
use super::{BpfError, btf, iterator};
use crate::kernel::procfs::NetFile;

/// There while connection tracking is; its value is in the memory that is looked for.
const CONNTRACK_COUNT: &str = "/proc/sys/net/netfilter/nf_conntrack_count";
const VMLINUX: &str = "/sys/kernel/btf/vmlinux";
/// The helper that finds per-CPU offsets without symbols, since Linux 5.19.
const OFFSETS_BY_MAP: &str = "BPF_FUNC_map_lookup_percpu_elem";

/// The loaded pass.
pub struct TaskPass {
    skeleton: TasksSkel<'static>,
    /// Whether connection tracking was there when the program last learnt where it is.
    has_conntrack: Option<bool>,
    link: Link,
    layout: PassLayout,
    buffer: Vec<u8>,
    /// Cgroups told since somebody took them.
    new_cgroups: Vec<CgroupRecord>,
}

impl std::fmt::Debug for TaskPass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TaskPass")
            .field("layout", &self.layout)
            .finish_non_exhaustive()
    }
}

/// Where a number of a namespace stands in its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A counter.
    Cell(usize),
    /// `Ip: Forwarding`.
    IpForwarding,
    /// `Ip: DefaultTTL`.
    IpDefaultTtl,
    /// `TCP: inuse` of `sockstat` and `TCP6: inuse` of `sockstat6` together.
    TcpInuse,
    /// `TCP: tw` of `sockstat`.
    TimeWait,
    /// Entries of connection tracking.
    ConntrackEntries,
    /// A statistic of connection tracking.
    Conntrack(usize),
}

/// The statistics of connection tracking by their columns in `stat/nf_conntrack`, in the order of
/// a record.
const CONNTRACK_COLUMNS: [&str; CONNTRACK_STATS] = [
    "found",
    "invalid",
    "ignore",
    "insert",
    "insert_failed",
    "drop",
    "early_drop",
    "icmp_error",
    "search_restart",
];

/// Which place holds which column.
#[derive(Debug, Clone, Default)]
pub struct PassLayout {
    cells: HashMap<(NetFile, &'static str, &'static str), usize>,
}

impl PassLayout {
    /// The place of a column, in the words of the file that shows it. The counters of `snmp6` go
    /// by the names of their IPv4 twins.
    pub fn place(&self, file: NetFile, section: &'static str, column: &'static str) -> Option<Place> {
        match (file, section, column) {
            (NetFile::Snmp, "Ip", "Forwarding") => Some(Place::IpForwarding),
            (NetFile::Snmp, "Ip", "DefaultTTL") => Some(Place::IpDefaultTtl),
            (NetFile::Sockstat, "TCP", "inuse") => Some(Place::TcpInuse),
            (NetFile::Sockstat, "TCP", "tw") => Some(Place::TimeWait),
            (NetFile::NfConntrack, _, "entries") => Some(Place::ConntrackEntries),
            (NetFile::NfConntrack, _, column) => CONNTRACK_COLUMNS
                .iter()
                .position(|it| *it == column)
                .map(Place::Conntrack),
            _ => self.cells.get(&(file, section, column)).copied().map(Place::Cell),
        }
    }
}

/// The counters of one namespace.
#[derive(Debug, Clone, Default)]
pub struct NetnsCounters {
    record: NetnsRecord,
}

impl NetnsCounters {
    /// The number at a place.
    pub fn number(&self, place: Place) -> Option<u64> {
        let record = &self.record;
        let has = |field: u32| (record.has & field != 0).then_some(());
        // A sum of per-CPU differences read while they change may be one below nothing.
        let gauge = |number: i32| u64::try_from(number).unwrap_or(0);
        match place {
            Place::Cell(cell) => record.cells.get(cell).copied(),
            Place::IpForwarding => has(NetnsRecord::HAS_IP_SETTINGS).map(|()| record.ip_settings[0].into()),
            Place::IpDefaultTtl => has(NetnsRecord::HAS_IP_SETTINGS).map(|()| record.ip_settings[1].into()),
            Place::TcpInuse => has(NetnsRecord::HAS_TCP_INUSE).map(|()| gauge(record.tcp_inuse.iter().sum())),
            Place::TimeWait => has(NetnsRecord::HAS_TIME_WAIT).map(|()| gauge(record.time_wait)),
            Place::ConntrackEntries => {
                has(NetnsRecord::HAS_CONNTRACK_ENTRIES).map(|()| gauge(record.conntrack_entries))
            }
            Place::Conntrack(at) => has(NetnsRecord::HAS_CONNTRACK).map(|()| record.conntrack[at]),
        }
    }
}

/// What one pass saw.
#[derive(Debug, Clone, Default)]
pub struct TaskSnapshot {
    /// Counters by cookie.
    pub netns: FxHashMap<u64, NetnsCounters>,
    /// Every process, and threads that are elsewhere than their process.
    pub tasks: Vec<TaskRecord>,
    /// The paths of cgroups that were not met before, see [`TaskPass::take_new_cgroups`].
    pub new_cgroups: Vec<CgroupRecord>,
}

impl TaskPass {
    /// Loads the programs.
    ///
    /// # Errors
    /// The kernel or this process cannot, see [`BpfError`].
    pub fn load() -> Result<Self, BpfError> {
        // What libbpf says beside the error is noise to whoever reads our log.
        libbpf_rs::set_print(None);
        let numbers = enumerators()?;
        let by_symbol = !numbers.contains_key(OFFSETS_BY_MAP);
        let cpus =
            libbpf_rs::num_possible_cpus().map_err(|error| BpfError::of("counting the CPUs", &error))?;
        let cpus = u32::try_from(cpus).unwrap_or(u32::MAX);
        let open = |error| BpfError::of("opening the task pass", &error);
        let mut skeleton = TasksSkelBuilder::default().open(storage()).map_err(open)?;
        skeleton.maps.cpu_offsets.set_max_entries(cpus).map_err(open)?;
        skeleton.progs.offsets_by_map.set_autoload(!by_symbol);
        skeleton.progs.offsets_by_symbol.set_autoload(by_symbol);
        let layout = match skeleton.maps.rodata_data.as_deref_mut() {
            Some(rodata) => {
                rodata.nr_cpus = cpus;
                lay_out(
                    &numbers,
                    &mut rodata.cells_at,
                    &mut rodata.picks,
                    &mut rodata.pick_counts,
                    &mut rodata.cell_count,
                )
            }
            None => PassLayout::default(),
        };
        let skeleton = skeleton
            .load()
            .map_err(|error| BpfError::of("loading the task pass", &error))?;
        let find = if by_symbol {
            &skeleton.progs.offsets_by_symbol
        } else {
            &skeleton.progs.offsets_by_map
        };
        let step = "finding the per-CPU offsets";
        let found = find
            .test_run(ProgramInput::default())
            .map_err(|error| BpfError::of(step, &error))?;
        if found.return_value != 0 {
            return Err(BpfError::Unsupported {
                step,
                error: format!("error {}", found.return_value),
            });
        }
        let link = skeleton
            .progs
            .read_tasks
            .attach()
            .map_err(|error| BpfError::of("attaching the task pass", &error))?;
        Ok(Self {
            skeleton,
            has_conntrack: None,
            link,
            layout,
            buffer: Vec::new(),
            new_cgroups: Vec::new(),
        })
    }

    /// Which cell holds which column.
    pub fn layout(&self) -> &PassLayout {
        &self.layout
    }

    /// Goes over all tasks.
    ///
    /// # Errors
    /// The kernel refuses, or the records are not understood.
    pub fn read(&mut self) -> io::Result<TaskSnapshot> {
        self.learn().map_err(io::Error::other)?;
        iterator::read_pass(&self.link, &mut self.buffer)?;
        let mut snapshot = TaskSnapshot {
            tasks: Vec::with_capacity(self.buffer.len() / size_of::<TaskRecord>()),
            ..TaskSnapshot::default()
        };
        read(&self.buffer, |record| match record {
            Record::Netns(record) => {
                snapshot.netns.insert(record.cookie, NetnsCounters { record });
            }
            Record::Task(record) => snapshot.tasks.push(record),
            Record::Cgroup(record) => self.new_cgroups.push(record),
            Record::Files(_) => {}
        })?;
        Ok(snapshot)
    }

    /// The paths of cgroups that passes have met since this was asked last. The kernel side tells
    /// a path when the pass before has not met the cgroup, so none of them may be lost.
    pub fn take_new_cgroups(&mut self) -> Vec<CgroupRecord> {
        std::mem::take(&mut self.new_cgroups)
    }
}

impl TaskPass {
    /// Has the program look where the kernel keeps what no type describes: the socket counts of
    /// TCP, and the entries of connection tracking, which come and go with its module.
    fn learn(&mut self) -> Result<(), libbpf_rs::Error> {
        let count = File::open(CONNTRACK_COUNT).ok();
        if self.has_conntrack == Some(count.is_some()) {
            return Ok(());
        }
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).ok();
        let tcp6 = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).ok();
        if let Some(data) = self.skeleton.maps.data_data.as_deref_mut() {
            data.tcp_fd = descriptor(tcp.as_ref());
            data.tcp6_fd = descriptor(tcp6.as_ref());
            data.conntrack_fd = descriptor(count.as_ref());
        }
        self.skeleton.progs.learn.test_run(ProgramInput::default())?;
        self.has_conntrack = Some(count.is_some());
        Ok(())
    }
}

fn descriptor(file: Option<&impl AsRawFd>) -> i32 {
    file.map_or(-1, AsRawFd::as_raw_fd)
}

fn enumerators() -> Result<HashMap<&'static str, i32>, BpfError> {
    let of_columns = TABLES
        .iter()
        .flat_map(|table| table.columns)
        .flat_map(|(_, names)| names.iter().copied());
    let names: Vec<&'static str> = of_columns.chain([OFFSETS_BY_MAP]).collect();
    btf::enumerators(Path::new(VMLINUX), &names).map_err(|error| BpfError::NoBtf(error.to_string()))
}

/// Tells the program which words of each table are wanted, and gives each a cell.
fn lay_out<const TABLES_: usize, const PICKS: usize>(
    numbers: &HashMap<&'static str, i32>,
    cells_at: &mut [u32; TABLES_],
    picks: &mut [[u16; PICKS]; TABLES_],
    pick_counts: &mut [u32; TABLES_],
    cell_count: &mut u32,
) -> PassLayout {
    let mut layout = PassLayout::default();
    let mut next = 0_u32;
    for (at, table) in TABLES.iter().enumerate() {
        cells_at[at] = next;
        let known = table.columns.iter().filter_map(|(column, names)| {
            let number = names.iter().find_map(|name| numbers.get(name))?;
            Some((*column, u16::try_from(*number).ok()?))
        });
        for ((column, number), pick) in known.zip(&mut picks[at]) {
            *pick = number;
            layout
                .cells
                .insert((table.file, table.section, column), next as usize);
            next += 1;
        }
        pick_counts[at] = next - cells_at[at];
    }
    *cell_count = next;
    layout
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_the_kernel_lacks_take_no_cell() {
        let numbers = HashMap::from([("TCP_MIB_INSEGS", 10), ("UDP_MIB_NOPORTS", 2)]);
        let (mut at, mut picks, mut counts, mut cells) = ([9; 6], [[0; 64]; 6], [9; 6], 9);
        let layout = lay_out(&numbers, &mut at, &mut picks, &mut counts, &mut cells);
        assert_eq!((at, counts, cells), ([0, 1, 2, 3, 3, 3], [1, 1, 1, 0, 0, 0], 3));
        assert_eq!([picks[0][0], picks[1][0], picks[2][0]], [10, 2, 2]);
        assert_eq!(
            layout.place(NetFile::Snmp6, "Udp6", "NoPorts"),
            Some(Place::Cell(2))
        );
        assert_eq!(layout.place(NetFile::Snmp, "Tcp", "OutSegs"), None);
        assert_eq!(
            layout.place(NetFile::Snmp, "Ip", "Forwarding"),
            Some(Place::IpForwarding)
        );
    }
}
