//! How long data that TCP sockets could hand over waits for the application, and data of the application for its
//! transmission.

use std::sync::Arc;

use super::latency::{self, BUCKETS, PADDED_EDGES, Threshold};
use super::tracer::{Counting, TracerProbe};
use super::{Probe, ProbeSpec, Rows, Traced, spans};
use crate::kernel::bpf::skeletons::socketlatency::SocketlatencySkelBuilder;
use crate::kernel::bpf::{BpfError, MapHandle, Plan, Table, Tracer};
use crate::metrics::{Metric, Source};
use crate::node::Entity;

pub static PROBE: ProbeSpec = ProbeSpec {
    name: "socketlatency",
    older_names: &[],
    default: false,
    about: "How long received data waits for the application to read it, and written data for its transmission (TCP)",
    args: &[BUCKETS],
    metrics: METRICS,
    build: |args| {
        Ok(Probe::node(TracerProbe::<SocketLatency>::new(
            latency::first_bucket(args)?,
        )))
    },
};

const MILLISECOND: u64 = 1_000_000;

const METRICS: &[Metric] = &[
    Metric::histogram(
        "kubeskoop_socketlatency_read_latency_seconds",
        "Data readable on a socket to the application reading it",
        Source::Other("BPF at sk_data_ready or sock_def_readable and tcp_rcv_space_adjust"),
        &spans::SOCKET_READ,
    ),
    Metric::counter(
        "kubeskoop_socketlatency_read100ms",
        "events",
        "Observations over 100 ms",
        Source::Other("derived from kubeskoop_socketlatency_read_latency_seconds"),
    ),
    Metric::counter(
        "kubeskoop_socketlatency_read1ms",
        "events",
        "Observations over 1 ms",
        Source::Other("derived from kubeskoop_socketlatency_read_latency_seconds"),
    ),
    Metric::histogram(
        "kubeskoop_socketlatency_write_latency_seconds",
        "Data written by the application to its TCP transmission",
        Source::Other("BPF at tcp_sendmsg_locked and __tcp_transmit_skb or net_dev_queue"),
        &spans::SOCKET_WRITE,
    ),
    Metric::counter(
        "kubeskoop_socketlatency_write100ms",
        "events",
        "Observations over 100 ms",
        Source::Other("derived from kubeskoop_socketlatency_write_latency_seconds"),
    ),
    Metric::counter(
        "kubeskoop_socketlatency_write1ms",
        "events",
        "Observations over 1 ms",
        Source::Other("derived from kubeskoop_socketlatency_write_latency_seconds"),
    ),
];

/// In the order of `struct latencies`: the histogram, and the counters that it gives.
const HISTOGRAMS: [(usize, &[Threshold]); 2] = [
    (0, &[(1, 100 * MILLISECOND), (2, MILLISECOND)]),
    (3, &[(4, 100 * MILLISECOND), (5, MILLISECOND)]),
];

struct SocketLatency {
    tracer: Tracer,
    latencies: Arc<Table>,
    unmeasured: MapHandle,
}

/// Functions are hooked where that works; elsewhere newer kernels have tracepoints in their place.
fn plan(plan: &mut Plan<'_>) {
    let functions = plan.way.has_functions();
    plan.tracepoint("tcp_rcv_space_adjust");
    plan.tracepoint("inet_sock_set_state");
    if functions && plan.features().arguments("sk_data_ready").is_none() {
        plan.function("sock_def_readable");
    } else {
        plan.tracepoint("sk_data_ready");
    }
    if functions {
        plan.function("tcp_sendmsg_locked");
        plan.function("__tcp_transmit_skb");
    } else {
        plan.tracepoint("tcp_sendmsg_locked");
        plan.tracepoint("net_dev_queue");
    }
}

impl Counting for SocketLatency {
    /// The first bucket that is exported.
    type Settings = usize;

    fn load(traced: &Traced, _: &usize) -> Result<Self, BpfError> {
        let stripes = traced.tracing.stripes;
        let programs = traced.tracing.load(
            SocketlatencySkelBuilder::default,
            &["latencies"],
            plan,
            |open, _| {
                if let Some(settings) = open.maps.rodata_data.as_deref_mut() {
                    settings.stripe_mask = stripes - 1;
                    settings.edges = PADDED_EDGES;
                }
            },
        )?;
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

    fn limits(&self) -> Option<String> {
        self.tracer
            .limits("which see written data where it reaches the queue of the device")
    }

    fn without_room(&self, _: &Traced) -> Result<u64, BpfError> {
        latency::without_room(&self.latencies, &self.unmeasured)
    }
}
