//! Calls and bytes that processes read and write, accumulated by entity.
//!
//! The kernel counts for each process ([`IoCounters`]); what an entity did is the growth of its
//! processes, which a [`Ledger`] adds up from one collection to the next. Where the numbers of the
//! processes come from is not its concern: the pass over all tasks has them, else [`IoFiles`] reads
//! them from `/proc`.
//!
//! Polling sees more than it seems to, since a process that ends leaves what it did to the parent
//! that waits for it. So exactly counted are
//! - every process that lives at a collection, up to that moment;
//! - a process that has ended since, and a thousand that began and ended in between, if their
//!   parents waited for them: in the entity of the parent. That is the same one but for the first
//!   process of a container, whose last moments count for the host where the runtime waits for it.
//!
//! Not counted is what is done where nothing is exported, also when somebody in an entity waits for
//! it; what a process did between the last collection and its end if its parent ignores
//! `SIGCHLD`, and all that such a process did if it never lived at a collection.
//!
//! The threads of the kernel are processes of the host. They read on behalf of others, such as loop
//! devices and file systems do; what they write was counted where the page was made dirty.

mod accounts;
mod files;
mod ledger;
mod pass;
mod places;

use self::files::IoFiles;
use self::ledger::Ledger;
use super::{NodeProbe, NodeView, Pass, Probe, ProbeError, ProbeSpec, Rows};
use crate::kernel::own_process::{nanos_to_ticks, since_boot_now};
use crate::kernel::procfs::io::IoCounters;
use crate::metrics::{Metric, Source};

pub static PROBE: ProbeSpec = ProbeSpec {
    name: "io",
    older_names: &[],
    default: true,
    about: "Calls and bytes that processes read and write, from the start of the exporter on; the last \
            ones of a process that has ended count for the parent that waited for it",
    args: &[],
    metrics: METRICS,
    build: |_| Ok(Probe::node(Io::new())),
};

const NOT_HERE: &str = "this kernel does not count what processes read and write (CONFIG_TASK_IO_ACCOUNTING)";

const METRICS: &[Metric] = &[
    Metric::counter(
        "kubeskoop_io_readsyscall",
        "calls",
        "read-family system calls",
        Source::Other("task_io_accounting (BPF), /proc/<pid>/io: syscr, its growth summed over processes"),
    ),
    Metric::counter(
        "kubeskoop_io_writesyscall",
        "calls",
        "write-family system calls",
        Source::Other("task_io_accounting (BPF), /proc/<pid>/io: syscw, its growth summed over processes"),
    ),
    Metric::counter(
        "kubeskoop_io_readbytes",
        "bytes",
        "Bytes fetched from the storage layer",
        Source::Other(
            "task_io_accounting (BPF), /proc/<pid>/io: read_bytes, its growth summed over processes",
        ),
    ),
    Metric::counter(
        "kubeskoop_io_writebytes",
        "bytes",
        "Bytes sent to the storage layer",
        Source::Other(
            "task_io_accounting (BPF), /proc/<pid>/io: write_bytes, its growth summed over processes",
        ),
    ),
];

fn row_of(total: &IoCounters) -> [u64; METRICS.len()] {
    [
        total.read_calls,
        total.write_calls,
        total.read_bytes,
        total.write_bytes,
    ]
}

#[derive(Debug)]
struct Io {
    files: IoFiles,
    ledger: Ledger,
    is_by_pass: bool,
}

impl Io {
    fn new() -> Self {
        Self {
            files: IoFiles::default(),
            ledger: Ledger::new(now()),
            is_by_pass: false,
        }
    }
}

fn now() -> u64 {
    nanos_to_ticks(u64::try_from(since_boot_now().as_nanos()).unwrap_or(u64::MAX))
}

impl NodeProbe for Io {
    fn source(&self) -> &'static str {
        if self.is_by_pass { "bpf" } else { "procfs" }
    }

    fn pass(&self) -> Option<Pass> {
        Some(Pass::Tasks)
    }

    fn collect(&mut self, node: &NodeView<'_>, rows: &mut Rows) -> Result<(), ProbeError> {
        let entities = &node.entities.exported;
        self.is_by_pass = node.seen.tasks.is_some();
        let (processes, readings) = match &node.seen.tasks {
            Some(tasks) => pass::read(node.procfs, tasks, node.entities),
            None => self.files.read(node.procfs, node.entities),
        };
        if readings.is_without_file() {
            return Err(ProbeError::NotApplicable(NOT_HERE.into()));
        }
        let totals = self.ledger.settle(entities, &processes, now());
        readings.fill(rows, entities, |index, row| {
            row.copy_from_slice(&row_of(&totals[index]).map(Some));
        });
        Ok(())
    }
}
