//! How long packets are under way in the network layer of the kernel.

use super::latencies::{self, Latencies, TABLE};
use super::latency::{BUCKETS, PADDED_EDGES, Threshold};
use super::{ProbeSpec, Traced, spans};
use crate::kernel::bpf::skeletons::kernellatency::KernellatencySkelBuilder;
use crate::kernel::bpf::{BpfError, Plan, Tracer};
use crate::metrics::{Metric, Source};

pub static PROBE: ProbeSpec = ProbeSpec {
    name: "kernellatency",
    older_names: &[],
    default: false,
    about: "How long packets are under way in the network layer: received, from IP to the transport protocol; sent, from IP to the device",
    args: &[BUCKETS],
    metrics: METRICS,
    build: latencies::probe::<KernelLatency>,
};

const MILLISECOND: u64 = 1_000_000;

const METRICS: &[Metric] = &[
    Metric::histogram(
        "kubeskoop_kernellatency_rx_latency_seconds",
        "A received packet in the kernel network layer: IP receive to local delivery",
        Source::Other(
            "BPF at ip_rcv_core and ip_protocol_deliver_rcu and their IPv6 twins; without function hooks at netif_receive_skb and sk_data_ready",
        ),
        &spans::KERNEL_RX,
    ),
    Metric::counter(
        "kubeskoop_kernellatency_rxslow",
        "packets",
        "Observations over 10 ms",
        Source::Other("derived from kubeskoop_kernellatency_rx_latency_seconds"),
    ),
    Metric::counter(
        "kubeskoop_kernellatency_rxslow100ms",
        "packets",
        "Observations over 100 ms",
        Source::Other("derived from kubeskoop_kernellatency_rx_latency_seconds"),
    ),
    Metric::histogram(
        "kubeskoop_kernellatency_tx_latency_seconds",
        "A sent packet in the kernel network layer: IP output to the device queue",
        Source::Other(
            "BPF at __ip_local_out, its IPv6 twins and net_dev_queue; without function hooks from the time stamp of TCP",
        ),
        &spans::KERNEL_TX,
    ),
    Metric::counter(
        "kubeskoop_kernellatency_txslow",
        "packets",
        "Observations over 10 ms",
        Source::Other("derived from kubeskoop_kernellatency_tx_latency_seconds"),
    ),
    Metric::counter(
        "kubeskoop_kernellatency_txslow100ms",
        "packets",
        "Observations over 100 ms",
        Source::Other("derived from kubeskoop_kernellatency_tx_latency_seconds"),
    ),
];

struct KernelLatency;

/// Without function hooks tracepoints stand in, which see less.
fn plan(plan: &mut Plan<'_>) {
    if !plan.way.has_functions() {
        plan.tracepoint("netif_receive_skb");
        plan.tracepoint("sk_data_ready");
        plan.raw_tracepoint("softirq_exit");
        plan.tracepoint_by("net_dev_queue", "net_dev_queue_stamped");
        return;
    }
    plan.tracepoint("net_dev_queue");
    for function in ["ip_rcv_core", "ip_protocol_deliver_rcu", "__ip_local_out"] {
        plan.function(function);
    }
    if plan.features().has_function("ip6_rcv_core") {
        for function in [
            "ip6_rcv_core",
            "ip6_protocol_deliver_rcu",
            "__ip6_local_out",
            "inet6_csk_xmit",
        ] {
            plan.function(function);
        }
    }
}

impl Latencies for KernelLatency {
    const HISTOGRAMS: [(usize, &'static [Threshold]); 2] = [
        (0, &[(1, 10 * MILLISECOND), (2, 100 * MILLISECOND)]),
        (3, &[(4, 10 * MILLISECOND), (5, 100 * MILLISECOND)]),
    ];
    const MISSED: Option<&'static str> = Some(
        "which see of received packets those that make a socket readable, and of sent ones those of TCP",
    );

    fn load(traced: &Traced) -> Result<Tracer, BpfError> {
        let stripes = traced.tracing.stripes;
        traced
            .tracing
            .load(KernellatencySkelBuilder::default, &[TABLE], plan, |open, _| {
                if let Some(settings) = open.maps.rodata_data.as_deref_mut() {
                    settings.stripe_mask = stripes - 1;
                    settings.edges = PADDED_EDGES;
                }
            })
    }
}
