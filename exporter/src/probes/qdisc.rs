//! Queueing disciplines of a namespace: what the root qdiscs of its devices but `lo` count together.
//!
//! A device of the host counts like any other. No packet counts twice there: bridges, bonds, VLANs,
//! tunnels and veth pairs have `noqueue`, which counts nothing, unless someone gives them a qdisc to
//! shape with.

use super::{NodeProbe, NodeView, Probe, ProbeError, ProbeSpec, Rows};
use crate::kernel::qdisc::{QdiscCounters, QdiscDump};
use crate::kernel::visit::Visitor;
use crate::metrics::{Metric, Source};

pub static PROBE: ProbeSpec = ProbeSpec {
    name: "qdisc",
    older_names: &[],
    default: true,
    about: "Packets that passed, wait in or were dropped by the queueing disciplines of the devices",
    args: &[],
    metrics: METRICS,
    build: |_| Ok(Probe::node(Qdisc::default())),
};

const METRICS: &[Metric] = &[
    Metric::counter(
        "kubeskoop_qdisc_bytes",
        "bytes",
        "Bytes through the root qdiscs of the network devices but lo",
        Source::Other("rtnetlink RTM_GETQDISC, TCA_STATS_BASIC bytes"),
    ),
    Metric::counter(
        "kubeskoop_qdisc_packets",
        "packets",
        "Packets through the root qdiscs of the network devices but lo",
        Source::Other("rtnetlink RTM_GETQDISC, TCA_STATS_PKT64, else TCA_STATS_BASIC packets"),
    ),
    Metric::counter(
        "kubeskoop_qdisc_drops",
        "packets",
        "Packets dropped by the root qdiscs of the network devices but lo",
        Source::Other("rtnetlink RTM_GETQDISC, TCA_STATS_QUEUE drops"),
    ),
    Metric::gauge(
        "kubeskoop_qdisc_qlen",
        "packets",
        "Packets now queued in the root qdiscs of the network devices but lo",
        Source::Other("rtnetlink RTM_GETQDISC, TCA_STATS_QUEUE qlen"),
    ),
    Metric::gauge(
        "kubeskoop_qdisc_backlog",
        "bytes",
        "Bytes now queued in the root qdiscs of the network devices but lo",
        Source::Other("rtnetlink RTM_GETQDISC, TCA_STATS_QUEUE backlog"),
    ),
    Metric::counter(
        "kubeskoop_qdisc_overlimits",
        "events",
        "Times a root qdisc had to delay or limit",
        Source::Other("rtnetlink RTM_GETQDISC, TCA_STATS_QUEUE overlimits"),
    ),
];

fn row_of(counters: &QdiscCounters) -> [u64; METRICS.len()] {
    [
        counters.bytes,
        counters.packets,
        counters.drops,
        counters.qlen,
        counters.backlog,
        counters.overlimits,
    ]
}

#[derive(Debug, Default)]
struct Qdisc {
    dump: QdiscDump,
}

impl NodeProbe for Qdisc {
    fn source(&self) -> &'static str {
        "netlink"
    }

    /// Each namespace is asked from within, since qdiscs are in no file of proc.
    fn collect(&mut self, node: &NodeView<'_>, rows: &mut Rows) -> Result<(), ProbeError> {
        let asked = |error: std::io::Error| ProbeError::Netlink {
            question: "RTM_GETQDISC",
            reason: error.to_string(),
        };
        let visitor = Visitor::new(node.procfs).map_err(asked)?;
        for (index, entity) in node.entities.with_netns() {
            let sum = || self.dump.sum_of_roots().map_err(asked);
            let answer = match visitor.visit(&entity.readers, entity.inode, sum) {
                Ok(Some(answer)) => answer,
                // It has gone since the scan.
                Ok(None) => continue,
                Err(error) => Err(error.into()),
            };
            // What went wrong is noted with the entity; the next one is asked all the same.
            let _ = rows.fill(index, entity, |row| {
                row.copy_from_slice(&row_of(&answer?).map(Some));
                Ok(())
            });
        }
        Ok(())
    }
}
