//! How long commands to virtio network devices take, during which the CPU waits for the hypervisor.

use super::latency::{self, PADDED_EDGES, Threshold};
use super::tracer::{Counting, TracerProbe};
use super::{Probe, ProbeSpec, Rows, Traced, spans};
use crate::kernel::bpf::skeletons::virtcmdlatency::VirtcmdlatencySkelBuilder;
use crate::kernel::bpf::{BpfError, MapHandle, Plan, Tracer, words_of};
use crate::metrics::{Metric, Source};

pub static PROBE: ProbeSpec = ProbeSpec {
    name: "virtcmdlatency",
    older_names: &["virtcmdlat"],
    default: true,
    about: "How long control commands to virtio network devices take, during which a CPU waits for the hypervisor",
    args: &[],
    metrics: METRICS,
    build: |_| Ok(Probe::node(TracerProbe::<VirtCmdLatency>::new(()))),
};

const MILLISECOND: u64 = 1_000_000;

const METRICS: &[Metric] = &[
    Metric::histogram(
        "kubeskoop_virtcmdlatency_latency_seconds",
        "One virtio-net control command, send to completion",
        Source::Other("BPF at virtnet_send_command_reply, else virtnet_send_command: entry and return"),
        &spans::VIRTCMD,
    )
    .of_machine(),
    Metric::counter(
        "kubeskoop_virtcmdlatency_latency",
        "events",
        "virtio-net control commands over 10 ms",
        Source::Other("derived from kubeskoop_virtcmdlatency_latency_seconds"),
    )
    .of_machine(),
    Metric::counter(
        "kubeskoop_virtcmdlatency_latency100ms",
        "events",
        "virtio-net control commands over 100 ms",
        Source::Other("derived from kubeskoop_virtcmdlatency_latency_seconds"),
    )
    .of_machine(),
];

const THRESHOLDS: &[Threshold] = &[(1, 10 * MILLISECOND), (2, 100 * MILLISECOND)];
/// The machine's numbers stand in the row of the host.
const HOST: usize = 0;

struct VirtCmdLatency {
    tracer: Tracer,
    latency: MapHandle,
    unmeasured: MapHandle,
}

fn plan(plan: &mut Plan<'_>) {
    // The name since 6.10, then the one before.
    const NAMES: [&str; 2] = ["virtnet_send_command_reply", "virtnet_send_command"];
    let features = plan.features();
    match NAMES.into_iter().find(|name| features.has_function(name)) {
        Some(name) => {
            plan.function(name);
            plan.function_end(name);
        }
        None => plan.lack("virtio_net, or its module is not loaded"),
    }
}

impl Counting for VirtCmdLatency {
    type Settings = ();

    fn load(traced: &Traced, (): &()) -> Result<Self, BpfError> {
        let programs = traced
            .tracing
            .load(VirtcmdlatencySkelBuilder::default, &[], plan, |open, _| {
                if let Some(settings) = open.maps.rodata_data.as_deref_mut() {
                    settings.edges = PADDED_EDGES;
                }
            })?;
        Ok(Self {
            latency: programs.map("latency")?,
            unmeasured: programs.map("unmeasured")?,
            tracer: programs,
        })
    }

    fn tracer(&self) -> &Tracer {
        &self.tracer
    }

    fn fill(&mut self, _: &Traced, (): &(), rows: &mut Rows) -> Result<(), BpfError> {
        let words = words_of(&self.latency)?;
        for histogram in latency::histograms(&words) {
            latency::push(rows, (0, THRESHOLDS), (HOST, None, 0), histogram);
            rows.read += 1;
        }
        Ok(())
    }

    fn without_room(&self, _: &Traced) -> Result<u64, BpfError> {
        latency::unmeasured(&self.unmeasured)
    }
}
