//! How long data that TCP sockets could hand over waits for the application, and data of the application for its
//! transmission.

use super::latencies::{self, Latencies, TABLE};
use super::latency::{BUCKETS, PADDED_EDGES, Threshold};
use super::{ProbeSpec, Traced, spans};
use crate::kernel::bpf::skeletons::socketlatency::SocketlatencySkelBuilder;
use crate::kernel::bpf::{BpfError, Plan, Tracer};
use crate::metrics::{Metric, Source};

pub static PROBE: ProbeSpec = ProbeSpec {
    name: "socketlatency",
    older_names: &[],
    default: false,
    about: "How long received data waits for the application to read it, and written data for its transmission (TCP)",
    args: &[BUCKETS],
    metrics: METRICS,
    build: latencies::probe::<SocketLatency>,
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

struct SocketLatency;

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

impl Latencies for SocketLatency {
    const HISTOGRAMS: [(usize, &'static [Threshold]); 2] = [
        (0, &[(1, 100 * MILLISECOND), (2, MILLISECOND)]),
        (3, &[(4, 100 * MILLISECOND), (5, MILLISECOND)]),
    ];
    const MISSED: Option<&'static str> =
        Some("which see written data where it reaches the queue of the device");

    fn load(traced: &Traced) -> Result<Tracer, BpfError> {
        let stripes = traced.tracing.stripes;
        traced
            .tracing
            .load(SocketlatencySkelBuilder::default, &[TABLE], plan, |open, _| {
                if let Some(settings) = open.maps.rodata_data.as_deref_mut() {
                    settings.stripe_mask = stripes - 1;
                    settings.edges = PADDED_EDGES;
                }
            })
    }
}
