//! How long packets wait in the queue of a device, and how long the driver takes to accept them.

use super::latencies::{self, Latencies, TABLE};
use super::latency::{BUCKETS, PADDED_EDGES, Threshold};
use super::{ProbeSpec, Traced, spans};
use crate::kernel::bpf::skeletons::netiftxlat::NetiftxlatSkelBuilder;
use crate::kernel::bpf::{BpfError, Plan, Tracer};
use crate::metrics::{Metric, Source};

pub static PROBE: ProbeSpec = ProbeSpec {
    name: "netiftxlat",
    older_names: &["netiftxlatency", "netif_txlatency"],
    default: false,
    about: "How long packets wait in queueing disciplines, and how long drivers take to accept them",
    args: &[BUCKETS],
    metrics: METRICS,
    build: latencies::probe::<NetIfTxLat>,
};

const MILLISECOND: u64 = 1_000_000;

const METRICS: &[Metric] = &[
    Metric::histogram(
        "kubeskoop_netiftxlat_qdisc_latency_seconds",
        "A packet waiting in a queueing discipline (net_dev_queue to net_dev_start_xmit)",
        Source::Other("BPF at net_dev_queue and net_dev_start_xmit"),
        &spans::QDISC,
    ),
    Metric::counter(
        "kubeskoop_netiftxlat_qdiscslow100ms",
        "packets",
        "Observations over 100 ms",
        Source::Other("derived from kubeskoop_netiftxlat_qdisc_latency_seconds"),
    ),
    Metric::histogram(
        "kubeskoop_netiftxlat_netdev_latency_seconds",
        "The driver transmit call (net_dev_start_xmit to net_dev_xmit)",
        Source::Other("BPF at net_dev_start_xmit and net_dev_xmit"),
        &spans::NETDEV,
    ),
    Metric::counter(
        "kubeskoop_netiftxlat_netdevslow100ms",
        "packets",
        "Observations over 100 ms",
        Source::Other("derived from kubeskoop_netiftxlat_netdev_latency_seconds"),
    ),
];

struct NetIfTxLat;

fn plan(plan: &mut Plan<'_>) {
    for tracepoint in ["net_dev_queue", "net_dev_start_xmit", "net_dev_xmit"] {
        plan.tracepoint(tracepoint);
    }
}

impl Latencies for NetIfTxLat {
    const HISTOGRAMS: [(usize, &'static [Threshold]); 2] =
        [(0, &[(1, 100 * MILLISECOND)]), (2, &[(3, 100 * MILLISECOND)])];
    const MISSED: Option<&'static str> = None;

    fn load(traced: &Traced) -> Result<Tracer, BpfError> {
        let stripes = traced.tracing.stripes;
        traced
            .tracing
            .load(NetiftxlatSkelBuilder::default, &[TABLE], plan, |open, _| {
                if let Some(settings) = open.maps.rodata_data.as_deref_mut() {
                    settings.stripe_mask = stripes - 1;
                    settings.edges = PADDED_EDGES;
                }
            })
    }
}
