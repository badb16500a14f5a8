//! The per-CPU backlogs of received packets. They belong to the CPUs, so only the node has them.

use rustc_hash::FxHashMap;

use super::{FileProbe, NetnsView, Probe, ProbeError, ProbeSpec};
use crate::kernel::procfs::NetFile;
use crate::kernel::procfs::softnet::{self, Backlog};
use crate::metrics::{Metric, Source};

pub static PROBE: ProbeSpec = ProbeSpec {
    name: "softnet",
    older_names: &[],
    default: true,
    about: "Packets that passed, or found no room in, the CPU backlogs of the node",
    args: &[],
    metrics: METRICS,
    build: |_| Ok(Probe::files(SoftnetStat::default())),
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

/// The kernel counts each CPU in 32 bits, which wrap within the hour on a busy node: a sum of
/// them would fall. What each CPU has grown by is added up in 64 bits instead.
#[derive(Debug, Default)]
struct SoftnetStat {
    last: FxHashMap<u32, [u32; METRICS.len()]>,
    sums: [u64; METRICS.len()],
}

impl SoftnetStat {
    fn add(&mut self, backlog: Backlog) {
        let now = [backlog.processed, backlog.dropped, backlog.time_squeeze];
        let last = self.last.insert(backlog.cpu, now).unwrap_or_default();
        for ((sum, now), last) in self.sums.iter_mut().zip(now).zip(last) {
            *sum += u64::from(now.wrapping_sub(last));
        }
    }
}

impl FileProbe for SoftnetStat {
    fn files(&self) -> &'static [NetFile] {
        &[NetFile::SoftnetStat]
    }

    fn is_of_node(&self) -> bool {
        true
    }

    fn read(&mut self, netns: &NetnsView<'_>, row: &mut [Option<u64>]) -> Result<(), ProbeError> {
        softnet::read(netns.text(NetFile::SoftnetStat)?, |backlog| self.add(backlog))
            .map_err(ProbeError::parse(NetFile::SoftnetStat))?;
        row.copy_from_slice(&self.sums.map(Some));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backlog(cpu: u32, processed: u32) -> Backlog {
        Backlog {
            cpu,
            processed,
            dropped: 0,
            time_squeeze: 0,
        }
    }

    #[test]
    fn the_sum_never_falls_when_a_cpu_wraps_or_goes_offline() {
        let mut stat = SoftnetStat::default();
        stat.add(backlog(0, u32::MAX));
        stat.add(backlog(1, 5));
        assert_eq!(stat.sums[0], u64::from(u32::MAX) + 5);
        // CPU 0 counts two more and wraps; CPU 1 is offline.
        stat.add(backlog(0, 1));
        assert_eq!(stat.sums[0], u64::from(u32::MAX) + 7);
        stat.add(backlog(1, 6));
        assert_eq!(stat.sums[0], u64::from(u32::MAX) + 8);
    }
}
