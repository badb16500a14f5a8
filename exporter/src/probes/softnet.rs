//! The per-CPU backlogs of received packets. They belong to the CPUs, so only the node has them.

use super::{FileProbe, NetnsView, ProbeError, ProbeSpec};
use crate::kernel::procfs::{NetFile, softnet};
use crate::metrics::{Metric, Source};

pub static PROBE: ProbeSpec = ProbeSpec {
    name: "softnet",
    older_names: &[],
    default: true,
    about: "Packets that passed, or found no room in, the CPU backlogs of the node",
    args: &[],
    metrics: METRICS,
    build: |_| Ok(Box::new(SoftnetStat)),
};

const METRICS: &[Metric] = &[
    Metric::counter(
        "kubeskoop_softnet_processed",
        "packets",
        "Packets taken from CPU backlogs, of the whole machine",
        Source::Other("/proc/net/softnet_stat column 1, summed over CPUs"),
    )
    .of_node(),
    Metric::counter(
        "kubeskoop_softnet_dropped",
        "packets",
        "Packets dropped since a CPU backlog was full, of the whole machine",
        Source::Other("/proc/net/softnet_stat column 2, summed over CPUs"),
    )
    .of_node(),
    Metric::counter(
        "kubeskoop_softnet_timesqueeze",
        "events",
        "Times net_rx stopped with work left because budget or time ran out, of the whole machine",
        Source::Other("/proc/net/softnet_stat column 3, summed over CPUs"),
    )
    .of_node(),
];

#[derive(Debug)]
struct SoftnetStat;

impl FileProbe for SoftnetStat {
    fn files(&self) -> &'static [NetFile] {
        &[NetFile::SoftnetStat]
    }

    fn is_of_node(&self) -> bool {
        true
    }

    fn read(&mut self, netns: &NetnsView<'_>, row: &mut [Option<u64>]) -> Result<(), ProbeError> {
        let sum = softnet::read(netns.text(NetFile::SoftnetStat)?)
            .map_err(ProbeError::parse(NetFile::SoftnetStat))?;
        row.copy_from_slice(&[sum.processed, sum.dropped, sum.time_squeeze].map(Some));
        Ok(())
    }
}
