//! How long packets wait in the queue of a device, and how long the driver takes to accept them.

use std::sync::Arc;

use super::latency::{self, BUCKETS, PADDED_EDGES, Threshold};
use super::tracer::{Counting, TracerProbe};
use super::{Probe, ProbeSpec, Rows, Traced, spans};
use crate::kernel::bpf::skeletons::netiftxlat::NetiftxlatSkelBuilder;
use crate::kernel::bpf::{BpfError, MapHandle, Plan, Table, Tracer};
use crate::metrics::{Metric, Source};
use crate::node::Entity;

pub static PROBE: ProbeSpec = ProbeSpec {
    name: "netiftxlat",
    older_names: &["netiftxlatency", "netif_txlatency"],
    default: false,
    about: "How long packets wait in queueing disciplines, and how long drivers take to accept them",
    args: &[BUCKETS],
    metrics: METRICS,
    build: |args| {
        Ok(Probe::node(TracerProbe::<NetIfTxLat>::new(
            latency::first_bucket(args)?,
        )))
    },
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

/// In the order of `struct latencies`: the histogram, and the counters that it gives.
const HISTOGRAMS: [(usize, &[Threshold]); 2] =
    [(0, &[(1, 100 * MILLISECOND)]), (2, &[(3, 100 * MILLISECOND)])];

struct NetIfTxLat {
    tracer: Tracer,
    latencies: Arc<Table>,
    unmeasured: MapHandle,
}

fn plan(plan: &mut Plan<'_>) {
    for tracepoint in ["net_dev_queue", "net_dev_start_xmit", "net_dev_xmit"] {
        plan.tracepoint(tracepoint);
    }
}

impl Counting for NetIfTxLat {
    /// The first bucket that is exported.
    type Settings = usize;

    fn load(traced: &Traced, _: &usize) -> Result<Self, BpfError> {
        let stripes = traced.tracing.stripes;
        let programs =
            traced
                .tracing
                .load(NetiftxlatSkelBuilder::default, &["latencies"], plan, |open, _| {
                    if let Some(settings) = open.maps.rodata_data.as_deref_mut() {
                        settings.stripe_mask = stripes - 1;
                        settings.edges = PADDED_EDGES;
                    }
                })?;
        Ok(Self {
            latencies: programs.table(&traced.tracing, "latencies")?,
            unmeasured: programs.map("unmeasured")?,
            tracer: programs,
        })
    }

    fn tracer(&self) -> &Tracer {
        &self.tracer
    }

    fn fill(
        &mut self,
        traced: &Traced,
        first: &usize,
        _: &[Entity],
        rows: &mut Rows,
    ) -> Result<(), BpfError> {
        latency::fill(&self.latencies, traced, &HISTOGRAMS, *first, rows)
    }

    fn without_room(&self, _: &Traced) -> Result<u64, BpfError> {
        latency::without_room(&self.latencies, &self.unmeasured)
    }
}
