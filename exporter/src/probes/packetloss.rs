//! Packets that the kernel drops, by reason, counted where it frees them.

mod columns;
mod places;
pub mod reasons;

use std::sync::Arc;

use self::columns::Columns;
use self::places::Places;
use self::reasons::Class;
use super::tracer::{Counting, TracerProbe};
use super::{Probe, ProbeSpec, Rows, Traced};
use crate::kernel::bpf::skeletons::packetloss::PacketlossSkelBuilder;
use crate::kernel::bpf::slots::UNKNOWN;
use crate::kernel::bpf::{BpfError, Plan, Table, Tracer};
use crate::metrics::labels::LabelSet;
use crate::metrics::{Amount, Labelled, Metric, Source};

pub static PROBE: ProbeSpec = ProbeSpec {
    name: "packetloss",
    older_names: &[],
    default: true,
    about: "Packets that the kernel drops, by the kernel's reason; what it frees as a matter of course counts \
            under its reason only",
    args: &[],
    metrics: METRICS,
    build: |_| Ok(Probe::node(TracerProbe::<PacketLoss>::new(()))),
};

const SOURCE: Source = Source::Other("BPF at kfree_skb");
const TOTAL: usize = 0;
const NETFILTER: usize = 1;
const ABNORMAL: usize = 2;
const DROPS: usize = 3;
const UNATTRIBUTED: usize = 4;
/// The machine's numbers stand in the row of the host.
const HOST: usize = 0;

const METRICS: &[Metric] = &[
    Metric::counter(
        "kubeskoop_packetloss_total",
        "packets",
        "Packets the kernel dropped",
        SOURCE,
    ),
    Metric::counter(
        "kubeskoop_packetloss_netfilter",
        "packets",
        "Of those, packets dropped by netfilter",
        SOURCE,
    ),
    Metric::counter(
        "kubeskoop_packetloss_abnormal",
        "packets",
        "Packets the kernel dropped for a reason other than the packet being malformed (bad checksum, truncated, ...)",
        SOURCE,
    ),
    Metric::counter(
        "kubeskoop_packetloss_drops_total",
        "packets",
        "Packets the kernel dropped, by the kernel drop reason",
        SOURCE,
    )
    .with_labels(&["reason"]),
    Metric::counter(
        "kubeskoop_packetloss_unattributed_total",
        "packets",
        "Packets the kernel dropped that belong to no known network namespace; in no other packetloss series",
        SOURCE,
    )
    .of_machine()
    .with_labels(&["reason"]),
];

struct PacketLoss {
    tracer: Tracer,
    drops: Arc<Table>,
    places: Places,
    /// Of each column its class and its label; none if no reason is counted there.
    reasons: Vec<Option<(Class, Arc<LabelSet>)>>,
}

fn plan(plan: &mut Plan<'_>) {
    plan.tracepoint("kfree_skb");
}

impl Counting for PacketLoss {
    type Settings = ();

    fn load(traced: &Traced, (): &()) -> Result<Self, BpfError> {
        /// The reason since 5.17, the receiving socket since 6.11.
        const ARGUMENTS_WITH_REASON: u32 = 3;
        const ARGUMENTS_WITH_RX_SK: u32 = 4;
        let columns = Columns::of(traced.tracing.features()?.drop_reasons());
        let stripes = traced.tracing.stripes;
        let programs = traced.tracing.load(
            PacketlossSkelBuilder::default,
            &["drops"],
            plan,
            |open, features| {
                let arguments = features.arguments("kfree_skb").unwrap_or(0);
                if let Some(settings) = open.maps.rodata_data.as_deref_mut() {
                    settings.stripe_mask = stripes - 1;
                    settings.has_reason = arguments >= ARGUMENTS_WITH_REASON;
                    settings.has_rx_sk = arguments >= ARGUMENTS_WITH_RX_SK;
                    settings.not_specified = columns.not_specified;
                    settings.column_of_subsystem = columns.first;
                    settings.reasons_of_subsystem = columns.length;
                }
            },
        )?;
        let drops = programs.table(&traced.tracing, "drops")?;
        let reason = |column: usize| {
            let name = columns.name(column)?;
            let labels = LabelSet::new().with("reason", name);
            Some((reasons::class(name), Arc::new(labels)))
        };
        Ok(Self {
            reasons: (0..drops.words()).map(reason).collect(),
            drops,
            places: Places::new(programs.map(".bss.places")?),
            tracer: programs,
        })
    }

    fn tracer(&self) -> &Tracer {
        &self.tracer
    }

    fn fill(&mut self, traced: &Traced, (): &(), rows: &mut Rows) -> Result<(), BpfError> {
        self.places.refresh();
        let counts = traced.counts(&self.drops)?;
        for (entity, slot) in traced.counted() {
            let counts = counts.of(slot);
            let [mut total, mut netfilter, mut abnormal] = [0; 3];
            for ((class, _), count) in self.counted(counts) {
                let (is_loss, is_netfilter) = (*class != Class::Routine, *class == Class::Netfilter);
                let is_abnormal = is_loss && *class != Class::Packet;
                total += if is_loss { count } else { 0 };
                netfilter += if is_netfilter { count } else { 0 };
                abnormal += if is_abnormal { count } else { 0 };
            }
            let row = rows.samples.row_mut(entity);
            (row[TOTAL], row[NETFILTER], row[ABNORMAL]) = (Some(total), Some(netfilter), Some(abnormal));
            self.push(rows, DROPS, entity, counts);
            rows.read += 1;
        }
        self.push(rows, UNATTRIBUTED, HOST, counts.of(UNKNOWN));
        Ok(())
    }

    fn without_room(&self, _: &Traced) -> Result<u64, BpfError> {
        self.drops.without_slot()
    }
}

impl PacketLoss {
    /// The reasons that have counted something.
    fn counted<'a>(
        &'a self,
        counts: &'a [u64],
    ) -> impl Iterator<Item = (&'a (Class, Arc<LabelSet>), u64)> + 'a {
        let counts = counts.iter().copied();
        let named = self.reasons.iter().zip(counts).filter(|(_, count)| *count > 0);
        named.filter_map(|(reason, count)| Some((reason.as_ref()?, count)))
    }

    fn push(&self, rows: &mut Rows, metric: usize, entity: usize, counts: &[u64]) {
        for ((_, labels), count) in self.counted(counts) {
            let sample = Labelled {
                entity,
                labels: Some(Arc::clone(labels)),
                amount: Amount::Number(count),
            };
            rows.samples.push(metric, sample);
        }
    }
}
