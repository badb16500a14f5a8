//! What passed the virtual servers of IPVS (`ip_vs_stats_show` in `net/netfilter/ipvs/ip_vs_ctl.c`).
//! kube-proxy keeps them in the namespace of the host, so only the node has them.

use super::{FileProbe, NetnsView, Probe, ProbeError, ProbeSpec};
use crate::kernel::procfs::{NetFile, ipvs};
use crate::metrics::{Metric, Source};

pub static PROBE: ProbeSpec = ProbeSpec {
    name: "ipvs",
    older_names: &[],
    default: false,
    about: "Connections, packets and bytes of the virtual servers of IPVS",
    args: &[],
    metrics: METRICS,
    build: |_| Ok(Probe::files(Ipvs)),
};

const NOT_HERE: &str = "IPVS is not loaded";

const METRICS: &[Metric] = &[
    Metric::counter(
        "kubeskoop_ipvs_connections",
        "connections",
        "IPVS connections since load",
        Source::Other("/proc/<pid>/net/ip_vs_stats line 3, column 1"),
    )
    .of_node(),
    Metric::counter(
        "kubeskoop_ipvs_incomingpackets",
        "packets",
        "Incoming IPVS packets",
        Source::Other("/proc/<pid>/net/ip_vs_stats line 3, column 2"),
    )
    .of_node(),
    Metric::counter(
        "kubeskoop_ipvs_outgoingpackets",
        "packets",
        "Packets sent by IPVS",
        Source::Other("/proc/<pid>/net/ip_vs_stats line 3, column 3"),
    )
    .of_node(),
    Metric::counter(
        "kubeskoop_ipvs_incomingbytes",
        "bytes",
        "Bytes received by IPVS",
        Source::Other("/proc/<pid>/net/ip_vs_stats line 3, column 4"),
    )
    .of_node(),
    Metric::counter(
        "kubeskoop_ipvs_outgoingbytes",
        "bytes",
        "Bytes sent by IPVS",
        Source::Other("/proc/<pid>/net/ip_vs_stats line 3, column 5"),
    )
    .of_node(),
];

#[derive(Debug)]
struct Ipvs;

impl FileProbe for Ipvs {
    fn files(&self) -> &'static [NetFile] {
        &[NetFile::IpVsStats]
    }

    fn is_of_node(&self) -> bool {
        true
    }

    fn read(&mut self, netns: &NetnsView<'_>, row: &mut [Option<u64>]) -> Result<(), ProbeError> {
        let text = netns
            .optional_text(NetFile::IpVsStats)?
            .ok_or(ProbeError::NotApplicable(NOT_HERE.into()))?;
        let totals = ipvs::read(text).map_err(ProbeError::parse(NetFile::IpVsStats))?;
        let numbers = [
            totals.connections,
            totals.incoming_packets,
            totals.outgoing_packets,
            totals.incoming_bytes,
            totals.outgoing_bytes,
        ];
        row.copy_from_slice(&numbers.map(Some));
        Ok(())
    }
}
