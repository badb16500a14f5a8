//! The exporter's metrics about itself.

use std::time::Duration;

use super::Kind::{Counter, Gauge};
use super::labels::LabelSet;
use super::writer::{FamilyWriter, Sample, Value};
use super::{Kind, Metric, Scope, Source};
use crate::kernel::own_process::OwnProcess;

/// What the exporter says of itself, put together by whoever serves it.
#[derive(Debug, Clone, Default)]
pub struct OwnFigures {
    /// Every enabled probe.
    pub probes: Vec<ProbeFigures>,
    /// Wall time of the last collection.
    pub collection: Duration,
    /// Network namespaces by kind.
    pub namespaces: Vec<(&'static str, usize)>,
    /// Pods by state; none on a plain host.
    pub pods: Vec<(&'static str, usize)>,
    /// Whether the API server tells of every change to the pods; none on a plain host.
    pub watch_in_sync: Option<bool>,
    /// Whether the newest configuration is the one in force.
    pub reload_successful: bool,
    /// When the configuration in force was loaded, as unix time.
    pub reloaded: Duration,
    /// Requests being served.
    pub requests_in_flight: u64,
    /// The process.
    pub process: OwnProcess,
    /// When the process started, as unix time.
    pub started: Duration,
}

/// How one probe fares.
#[derive(Debug, Clone, Default)]
pub struct ProbeFigures {
    /// Its name.
    pub name: &'static str,
    /// `up`, `failed` or `not_applicable`.
    pub state: &'static str,
    /// Where its numbers come from.
    pub source: &'static str,
    /// 1 or 0, and none where it does not apply.
    pub up: Option<u64>,
    /// Time of its last collection.
    pub duration: Duration,
    /// Reads that failed.
    pub errors_total: u64,
    /// Series it gave.
    pub series: u64,
    /// Series that were left out.
    pub series_dropped_total: u64,
    /// Counts that found no room in a BPF map.
    pub map_full_total: u64,
    /// How long its BPF programs have run, if the kernel measures it.
    pub bpf_run_time: Option<Duration>,
}

/// Version of this build.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Revision this build was made from.
pub const REVISION: &str = env!("BUILD_REVISION");
/// Compiler of this build.
pub const RUSTC: &str = env!("BUILD_RUSTC");

/// A metric about the exporter, and how its samples come from the figures.
#[derive(Debug)]
pub struct OwnMetric {
    /// The declaration.
    pub metric: Metric,
    samples: fn(&OwnFigures, &mut Family),
}

const fn own(
    kind: Kind,
    name: &'static str,
    labels: &'static [&'static str],
    unit: &'static str,
    help: &'static str,
    samples: fn(&OwnFigures, &mut Family),
) -> OwnMetric {
    let source = Source::Other("the exporter");
    OwnMetric {
        metric: Metric {
            name,
            kind,
            help,
            unit,
            scope: Scope::Exporter,
            extra_labels: labels,
            source,
            span: None,
        },
        samples,
    }
}

/// Every metric about the exporter, in the order they are written.
pub const METRICS: &[OwnMetric] = &[
    own(
        Gauge,
        "kubeskoop_exporter_build_info",
        &["version", "revision", "rustc"],
        "1",
        "1 for the running build",
        |_, family| family.integer(&[VERSION, REVISION, RUSTC], 1),
    ),
    own(
        Gauge,
        "kubeskoop_exporter_probe_up",
        &["probe"],
        "1",
        "1 while the probe works, 0 when it failed; absent where it does not apply",
        |own, family| {
            for probe in &own.probes {
                probe
                    .up
                    .into_iter()
                    .for_each(|up| family.integer(&[probe.name], up));
            }
        },
    ),
    own(
        Gauge,
        "kubeskoop_exporter_probe_state",
        &["probe", "state", "source"],
        "1",
        "1 for the state each enabled probe is in (up, failed, not_applicable) and where its numbers come from \
         (bpf, procfs, netlink)",
        |own, family| {
            own.probes
                .iter()
                .for_each(|it| family.integer(&[it.name, it.state, it.source], 1));
        },
    ),
    own(
        Gauge,
        "kubeskoop_exporter_probe_collect_duration_seconds",
        &["probe"],
        "seconds",
        "Time the last collection of the probe took",
        |own, family| {
            own.probes
                .iter()
                .for_each(|it| family.seconds(&[it.name], it.duration));
        },
    ),
    own(
        Counter,
        "kubeskoop_exporter_probe_errors_total",
        &["probe"],
        "errors",
        "Collections, attachments or reads of the probe that failed",
        |own, family| {
            own.probes
                .iter()
                .for_each(|it| family.integer(&[it.name], it.errors_total));
        },
    ),
    own(
        Counter,
        "kubeskoop_exporter_bpf_run_time_seconds_total",
        &["probe"],
        "seconds",
        "CPU time of the probe BPF programs, when kernel BPF statistics are on",
        |own, family| {
            for probe in &own.probes {
                probe
                    .bpf_run_time
                    .into_iter()
                    .for_each(|time| family.seconds(&[probe.name], time));
            }
        },
    ),
    own(
        Gauge,
        "kubeskoop_exporter_series",
        &["probe"],
        "series",
        "Series the probe exported last",
        |own, family| {
            own.probes
                .iter()
                .for_each(|it| family.integer(&[it.name], it.series));
        },
    ),
    own(
        Counter,
        "kubeskoop_exporter_series_dropped_total",
        &["probe"],
        "series",
        "Series left out because a limit was reached",
        |own, family| {
            own.probes
                .iter()
                .for_each(|it| family.integer(&[it.name], it.series_dropped_total));
        },
    ),
    own(
        Counter,
        "kubeskoop_exporter_map_full_total",
        &["probe"],
        "counts",
        "Counts that found no room in a BPF map",
        |own, family| {
            own.probes
                .iter()
                .for_each(|it| family.integer(&[it.name], it.map_full_total));
        },
    ),
    own(
        Gauge,
        "kubeskoop_exporter_scrape_duration_seconds",
        &[],
        "seconds",
        "Time the last whole collection took",
        |own, family| family.seconds(&[], own.collection),
    ),
    own(
        Gauge,
        "kubeskoop_exporter_network_namespaces",
        &["kind"],
        "namespaces",
        "Network namespaces known, by kind: host, pod, unknown (pod not named yet), other",
        |own, family| {
            own.namespaces
                .iter()
                .for_each(|(kind, count)| family.integer(&[kind], *count as u64));
        },
    ),
    own(
        Gauge,
        "kubeskoop_exporter_pods",
        &["state"],
        "pods",
        "Pods of the node, by state: exported, waiting (unknown to the API server yet), without_process",
        |own, family| {
            own.pods
                .iter()
                .for_each(|(state, count)| family.integer(&[state], *count as u64));
        },
    ),
    own(
        Gauge,
        "kubeskoop_exporter_kube_watch_up",
        &[],
        "1",
        "1 while the pod watch is in sync",
        |own, family| {
            own.watch_in_sync
                .into_iter()
                .for_each(|in_sync| family.integer(&[], in_sync.into()));
        },
    ),
    own(
        Gauge,
        "kubeskoop_exporter_config_last_reload_successful",
        &[],
        "1",
        "1 if the newest configuration is the one in force",
        |own, family| family.integer(&[], own.reload_successful.into()),
    ),
    own(
        Gauge,
        "kubeskoop_exporter_config_last_reload_success_timestamp_seconds",
        &[],
        "seconds",
        "When the configuration in force was loaded",
        |own, family| family.seconds(&[], own.reloaded),
    ),
    own(
        Gauge,
        "kubeskoop_exporter_http_requests_in_flight",
        &[],
        "requests",
        "Requests being served",
        |own, family| family.integer(&[], own.requests_in_flight),
    ),
    own(
        Counter,
        "process_cpu_seconds_total",
        &[],
        "seconds",
        "CPU time of the exporter",
        |own, family| {
            family.seconds(&[], own.process.cpu);
        },
    ),
    own(
        Gauge,
        "process_resident_memory_bytes",
        &[],
        "bytes",
        "Resident memory of the exporter",
        |own, family| {
            family.integer(&[], own.process.resident_bytes);
        },
    ),
    own(
        Gauge,
        "process_virtual_memory_bytes",
        &[],
        "bytes",
        "Virtual memory of the exporter",
        |own, family| {
            family.integer(&[], own.process.virtual_bytes);
        },
    ),
    own(
        Gauge,
        "process_open_fds",
        &[],
        "files",
        "Open file descriptors of the exporter",
        |own, family| {
            family.integer(&[], own.process.open_fds);
        },
    ),
    own(
        Gauge,
        "process_max_fds",
        &[],
        "files",
        "Limit of open file descriptors",
        |own, family| {
            family.integer(&[], own.process.max_fds);
        },
    ),
    own(
        Gauge,
        "process_start_time_seconds",
        &[],
        "seconds",
        "Start of the exporter, unix time",
        |own, family| {
            family.seconds(&[], own.started);
        },
    ),
    own(
        Gauge,
        "process_threads",
        &[],
        "threads",
        "Threads of the exporter",
        |own, family| {
            family.integer(&[], own.process.threads);
        },
    ),
];

impl OwnFigures {
    /// Writes every family that has samples.
    pub fn write(&self, writer: &mut impl FamilyWriter) {
        for own in METRICS {
            let mut family = Family {
                label_names: own.metric.extra_labels,
                samples: Vec::new(),
            };
            (own.samples)(self, &mut family);
            let samples = family.samples.iter();
            writer.family(
                &own.metric,
                samples.map(|(labels, value)| Sample {
                    labels,
                    own_labels: None,
                    value: *value,
                }),
            );
        }
    }
}

/// The samples of a family being put together.
struct Family {
    label_names: &'static [&'static str],
    samples: Vec<(LabelSet, Value<'static>)>,
}

impl Family {
    fn integer(&mut self, label_values: &[&str], number: u64) {
        self.add(label_values, Value::Integer(number));
    }

    fn seconds(&mut self, label_values: &[&str], duration: Duration) {
        self.add(label_values, Value::Float(duration.as_secs_f64()));
    }

    fn add(&mut self, label_values: &[&str], value: Value<'static>) {
        let labels = self.label_names.iter().zip(label_values);
        let labels = labels.fold(LabelSet::new(), |set, (name, value)| set.with(name, value));
        self.samples.push((labels, value));
    }
}
