//! Open descriptors of every process, summed up by entity. Processes that share a table of
//! descriptors (`CLONE_FILES`) count each for itself.

use super::readings::Readings;
use super::{NodeProbe, NodeView, Probe, ProbeError, ProbeSpec, Rows};
use crate::kernel::procfs::fd::{DescriptorReader, Descriptors};
use crate::metrics::{Metric, Source};

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
        Source::Other("/proc/<pid>/fd, summed over processes"),
    ),
    Metric::gauge(
        "kubeskoop_fd_opensocket",
        "fds",
        "Open socket descriptors",
        Source::Other("/proc/<pid>/fd, links to socket:[inode], summed over processes"),
    ),
];

#[derive(Debug, Default)]
struct Fd {
    reader: DescriptorReader,
}

impl NodeProbe for Fd {
    fn source(&self) -> &'static str {
        "procfs"
    }

    fn collect(&mut self, node: &NodeView<'_>, rows: &mut Rows) -> Result<(), ProbeError> {
        let entities = &node.entities.exported;
        let mut sums = vec![Descriptors::default(); entities.len()];
        let mut readings = Readings::new(FILE, entities.len());
        for process in &node.entities.processes {
            match self.reader.of_process(node.procfs, process.pid) {
                Ok(descriptors) => {
                    readings.read(process.entity);
                    sums[process.entity].open += descriptors.open;
                    sums[process.entity].sockets += descriptors.sockets;
                }
                Err(error) => readings.unread(process.entity, error),
            }
        }
        if readings.is_without_file() {
            return Err(ProbeError::NotApplicable(NOT_HERE));
        }
        readings.fill(rows, entities, |index, row| {
            row.copy_from_slice(&[sums[index].open, sums[index].sockets].map(Some));
        });
        Ok(())
    }
}
