//! How long softirqs wait for their CPU, and how long they run.

use std::sync::Arc;

use super::latency::{self, PADDED_EDGES, Threshold};
use super::tracer::{Counting, TracerProbe};
use super::{Probe, ProbeSpec, Rows, Traced, spans};
use crate::config::{Args, ConfigError};
use crate::kernel::bpf::skeletons::softirq::SoftirqSkelBuilder;
use crate::kernel::bpf::{BpfError, MapHandle, Plan, Tracer, words_by_cpu};
use crate::metrics::histogram::Histogram;
use crate::metrics::labels::LabelSet;
use crate::metrics::{Metric, Source, Span};

pub static PROBE: ProbeSpec = ProbeSpec {
    name: "softirq",
    older_names: &["net_softirq"],
    default: false,
    about: "How long softirqs wait for their CPU and how long they run, of the whole machine",
    args: &[(
        "softirq-types",
        "The types that are measured, as in /proc/softirqs in lower case (default: net_rx and net_tx)",
    )],
    metrics: METRICS,
    build: |args| Ok(Probe::node(TracerProbe::<Softirq>::new(types(args)?))),
};

/// In the order of the kernel's vectors (`enum` in `linux/interrupt.h`).
const TYPES: [&str; 10] = [
    "hi", "timer", "net_tx", "net_rx", "block", "irq_poll", "tasklet", "sched", "hrtimer", "rcu",
];
/// `net_tx` and `net_rx`.
const DEFAULT: [usize; 2] = [2, 3];
/// Words of `struct softirq` in `bpf/softirq.bpf.c` before its histograms.
const WORDS_BEFORE: usize = 2;
const VECTORS: usize = 16;
const HOST: usize = 0;
const MILLISECOND: u64 = 1_000_000;

const fn histogram(
    name: &'static str,
    help: &'static str,
    source: &'static str,
    span: &'static Span,
) -> Metric {
    Metric::histogram(name, help, Source::Other(source), span)
        .of_machine()
        .with_labels(&["softirq_type"])
}

const fn counter(name: &'static str, help: &'static str, source: &'static str) -> Metric {
    Metric::counter(name, "events", help, Source::Other(source))
        .of_machine()
        .with_labels(&["softirq_type"])
}

const OF_SCHED: &str = "derived from kubeskoop_softirq_sched_latency_seconds";
const OF_EXEC: &str = "derived from kubeskoop_softirq_exec_latency_seconds";

const METRICS: &[Metric] = &[
    histogram(
        "kubeskoop_softirq_sched_latency_seconds",
        "softirq_raise to softirq_entry",
        "BPF at softirq_raise and softirq_entry",
        &spans::SOFTIRQ_SCHED,
    ),
    counter("kubeskoop_softirq_schedslow", "Observations over 10 ms", OF_SCHED),
    counter(
        "kubeskoop_softirq_schedslow100ms",
        "Observations over 100 ms",
        OF_SCHED,
    ),
    histogram(
        "kubeskoop_softirq_exec_latency_seconds",
        "softirq_entry to softirq_exit",
        "BPF at softirq_entry and softirq_exit",
        &spans::SOFTIRQ_EXEC,
    ),
    counter("kubeskoop_softirq_excuteslow", "Observations over 10 ms", OF_EXEC),
    counter(
        "kubeskoop_softirq_excuteslow100ms",
        "Observations over 100 ms",
        OF_EXEC,
    ),
];

const HISTOGRAMS: [(usize, &[Threshold]); 2] = [
    (0, &[(1, 10 * MILLISECOND), (2, 100 * MILLISECOND)]),
    (3, &[(4, 10 * MILLISECOND), (5, 100 * MILLISECOND)]),
];

/// The vectors that are wanted.
fn types(args: &Args) -> Result<Vec<usize>, ConfigError> {
    let listed = args.at("softirq-types")?.choices(&TYPES)?;
    Ok(listed.unwrap_or_else(|| DEFAULT.to_vec()))
}

struct Softirq {
    tracer: Tracer,
    softirqs: MapHandle,
    labels: Vec<(usize, Arc<LabelSet>)>,
}

fn plan(plan: &mut Plan<'_>) {
    plan.program_of("softirq_raise", "raised");
    plan.program_of("softirq_entry", "entered");
    plan.program_of("softirq_exit", "left");
}

impl Counting for Softirq {
    type Settings = Vec<usize>;

    fn load(traced: &Traced, types: &Vec<usize>) -> Result<Self, BpfError> {
        let wanted = types.iter().fold(0, |wanted, vector| wanted | 1 << vector);
        let programs = traced
            .tracing
            .load(SoftirqSkelBuilder::default, &[], plan, |open, _| {
                if let Some(settings) = open.maps.rodata_data.as_deref_mut() {
                    settings.edges = PADDED_EDGES;
                    settings.wanted = wanted;
                }
            })?;
        let label = |vector: &usize| {
            let set = LabelSet::new().with("softirq_type", TYPES[*vector]);
            (*vector, Arc::new(set))
        };
        Ok(Self {
            softirqs: programs.map("softirqs")?,
            tracer: programs,
            labels: types.iter().map(label).collect(),
        })
    }

    fn tracer(&self) -> &Tracer {
        &self.tracer
    }

    fn fill(&mut self, _: &Traced, _: &Vec<usize>, rows: &mut Rows) -> Result<(), BpfError> {
        let by_cpu = words_by_cpu(&self.softirqs)?;
        for (vector, labels) in &self.labels {
            let mut sums = [Histogram::default(), Histogram::default()];
            for words in &by_cpu {
                let size = words.len() / VECTORS;
                let own = words.get(vector * size + WORDS_BEFORE..(vector + 1) * size);
                let histograms = latency::histograms(own.unwrap_or_default());
                sums.iter_mut()
                    .zip(histograms)
                    .for_each(|(sum, one)| sum.add(&one));
            }
            for (metric, sum) in HISTOGRAMS.into_iter().zip(sums) {
                latency::push(rows, metric, (HOST, Some(labels), 0), sum);
            }
            rows.read += 1;
        }
        Ok(())
    }
}
