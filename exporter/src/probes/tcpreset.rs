//! TCP resets by kind, counted at the tracepoints of the kernel, IPv4 and IPv6.

use std::sync::Arc;

use super::tracer::{Counting, TracerProbe};
use super::{Probe, ProbeSpec, Rows, Traced};
use crate::kernel::bpf::skeletons::tcpreset::TcpresetSkelBuilder;
use crate::kernel::bpf::{BpfError, Plan, Table, Tracer};
use crate::metrics::labels::LabelSet;
use crate::metrics::{Amount, Labelled, Metric, Source};

pub static PROBE: ProbeSpec = ProbeSpec {
    name: "tcpreset",
    older_names: &["tcp_reset"],
    default: true,
    about: "TCP resets by kind: sent since nobody listens (nosock), by a socket that does not expect the \
            segment (process), since this side gives the connection up (active), and received (receive)",
    args: &[],
    metrics: METRICS,
    build: |_| Ok(Probe::node(TracerProbe::<TcpReset>::new(()))),
};

/// In the order of `enum kind` in `bpf/tcpreset.bpf.c`.
const KINDS: [&str; 4] = ["nosock", "process", "active", "receive"];

const METRICS: &[Metric] = &[Metric::counter(
    "kubeskoop_tcpreset_total",
    "segments",
    "TCP resets by kind: nosock, process, active (sent); receive",
    Source::Other("BPF at tcp_send_reset and tcp_receive_reset; before Linux 6.10 at tcp_v4_send_reset too"),
)
.with_labels(&["type"])];

struct TcpReset {
    tracer: Tracer,
    resets: Arc<Table>,
    kinds: [Arc<LabelSet>; KINDS.len()],
}

/// What is sent without a socket shows only since 6.10; before, the functions tell that send it.
fn plan(plan: &mut Plan<'_>) {
    const ARGUMENTS_WITH_REASON: u32 = 3;
    plan.raw_tracepoint("tcp_send_reset");
    plan.raw_tracepoint("tcp_receive_reset");
    let arguments = plan.features().arguments("tcp_send_reset");
    if arguments.is_some_and(|arguments| arguments < ARGUMENTS_WITH_REASON) {
        plan.function("tcp_v4_send_reset");
        if plan.features().has_function("tcp_v6_send_reset") {
            plan.function("tcp_v6_send_reset");
        }
    }
}

impl Counting for TcpReset {
    type Settings = ();

    fn load(traced: &Traced, (): &()) -> Result<Self, BpfError> {
        let programs = traced
            .tracing
            .load(TcpresetSkelBuilder::default, &[], plan, |_, _| {})?;
        Ok(Self {
            resets: programs.narrow_table(&traced.tracing, "resets")?,
            tracer: programs,
            kinds: KINDS.map(|kind| Arc::new(LabelSet::new().with("type", kind))),
        })
    }

    fn tracer(&self) -> &Tracer {
        &self.tracer
    }

    fn fill(&mut self, traced: &Traced, (): &(), rows: &mut Rows) -> Result<(), BpfError> {
        let counts = traced.counts(&self.resets)?;
        for (entity, slot) in traced.counted() {
            rows.read += 1;
            for (kind, count) in self.kinds.iter().zip(counts.of(slot)) {
                let sample = Labelled {
                    entity,
                    labels: Some(Arc::clone(kind)),
                    amount: Amount::Number(*count),
                };
                rows.samples.push(0, sample);
            }
        }
        Ok(())
    }

    fn without_room(&self, _: &Traced) -> Result<u64, BpfError> {
        self.resets.without_slot()
    }
}
