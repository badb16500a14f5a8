//! Open descriptors of every process, summed up by entity. Processes that share a table of
//! descriptors (`CLONE_FILES`) count each for itself.

use super::readings::Readings;
use super::{NodeProbe, NodeView, Pass, Probe, ProbeError, ProbeSpec, Rows};
use crate::kernel::bpf::FileSnapshot;
use crate::kernel::own_process::nanos_to_ticks;
use crate::kernel::procfs::fd::{DescriptorReader, Descriptors};
use crate::metrics::{Metric, Source};
use crate::node::EntityProcess;

pub static PROBE: ProbeSpec = ProbeSpec {
    name: "fd",
    older_names: &[],
    default: false,
    about: "Open file descriptors of processes, and how many of them are sockets",
    args: &[],
    metrics: METRICS,
    build: |_| Ok(Probe::node(Fd::default())),
};

const FILE: &str = "/proc/<pid>/fd";
const NOT_HERE: &str = "no process shows its descriptors";

const METRICS: &[Metric] = &[
    Metric::gauge(
        "kubeskoop_fd_openfd",
        "fds",
        "Open file descriptors",
        Source::Other("files of each task (BPF), /proc/<pid>/fd; summed over processes"),
    ),
    Metric::gauge(
        "kubeskoop_fd_opensocket",
        "fds",
        "Open socket descriptors",
        Source::Other(
            "files of each task (BPF), /proc/<pid>/fd, links to socket:[inode]; summed over processes",
        ),
    ),
];

#[derive(Debug, Default)]
struct Fd {
    reader: DescriptorReader,
    is_by_pass: bool,
}

impl NodeProbe for Fd {
    fn source(&self) -> &'static str {
        if self.is_by_pass { "bpf" } else { "procfs" }
    }

    fn pass(&self) -> Option<Pass> {
        Some(Pass::Files)
    }

    fn collect(&mut self, node: &NodeView<'_>, rows: &mut Rows) -> Result<(), ProbeError> {
        let entities = &node.entities.exported;
        let mut sums = vec![Descriptors::default(); entities.len()];
        let mut readings = Readings::new(FILE, entities.len());
        let files = node.seen.files.as_deref();
        self.is_by_pass = files.is_some();
        for process in &node.entities.processes {
            let of_process = match files {
                Some(files) => Ok(of_pass(files, process)),
                None => self.reader.of_process(node.procfs, process.pid),
            };
            match of_process {
                Ok(descriptors) => {
                    readings.read(process.entity);
                    sums[process.entity] = sums[process.entity].plus(descriptors);
                }
                Err(error) => readings.unread(process.entity, error),
            }
        }
        if readings.is_without_file() {
            return Err(ProbeError::NotApplicable(NOT_HERE.into()));
        }
        readings.fill(rows, entities, |index, row| {
            row.copy_from_slice(&[sums[index].open, sums[index].sockets].map(Some));
        });
        Ok(())
    }
}

/// A process that has ended since, or that has no files, has none.
fn of_pass(files: &FileSnapshot, process: &EntityProcess) -> Descriptors {
    files
        .of_process(process.pid)
        .filter(|files| nanos_to_ticks(files.start) == process.started)
        .map(|files| files.descriptors)
        .unwrap_or_default()
}
