//! TCP segments sent again, counted at the tracepoints of the kernel.

use std::sync::Arc;

use super::tracer::{Counting, TracerProbe};
use super::{Probe, ProbeSpec, Rows, Traced};
use crate::kernel::bpf::skeletons::tcpretrans::TcpretransSkelBuilder;
use crate::kernel::bpf::{BpfError, Plan, Table, Tracer};
use crate::metrics::{Metric, Source};

pub static PROBE: ProbeSpec = ProbeSpec {
    name: "tcpretrans",
    older_names: &[],
    default: true,
    about: "TCP segments sent again, those of the handshake included",
    args: &[],
    metrics: METRICS,
    build: |_| Ok(Probe::node(TracerProbe::<TcpRetrans>::new(()))),
};

const METRICS: &[Metric] = &[Metric::counter(
    "kubeskoop_tcpretrans_total",
    "segments",
    "TCP segments sent again",
    Source::Other("BPF at tcp_retransmit_skb and tcp_retransmit_synack"),
)];

struct TcpRetrans {
    tracer: Tracer,
    retransmits: Arc<Table>,
}

fn plan(plan: &mut Plan<'_>) {
    plan.raw_tracepoint("tcp_retransmit_skb");
    plan.raw_tracepoint("tcp_retransmit_synack");
}

impl Counting for TcpRetrans {
    type Settings = ();

    fn load(traced: &Traced, (): &()) -> Result<Self, BpfError> {
        /// Since 6.16 the error is told with which sending failed.
        const ARGUMENTS_WITH_ERROR: u32 = 3;
        let programs = traced
            .tracing
            .load(TcpretransSkelBuilder::default, &[], plan, |open, features| {
                let arguments = features.arguments("tcp_retransmit_skb").unwrap_or(0);
                if let Some(settings) = open.maps.rodata_data.as_deref_mut() {
                    settings.has_error = arguments >= ARGUMENTS_WITH_ERROR;
                }
            })?;
        Ok(Self {
            retransmits: programs.narrow_table(&traced.tracing, "retransmits")?,
            tracer: programs,
        })
    }

    fn tracer(&self) -> &Tracer {
        &self.tracer
    }

    fn fill(&mut self, traced: &Traced, (): &(), rows: &mut Rows) -> Result<(), BpfError> {
        let counts = traced.counts(&self.retransmits)?;
        for (entity, slot) in traced.counted() {
            let by_cause = counts.of(slot).iter();
            rows.samples.row_mut(entity)[0] = Some(by_cause.sum());
            rows.read += 1;
        }
        Ok(())
    }

    fn without_room(&self, _: &Traced) -> Result<u64, BpfError> {
        self.retransmits.without_slot()
    }
}
