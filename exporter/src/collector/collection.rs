//! What one collection gives.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::config::Config;
use crate::metrics::labels::LabelSet;
use crate::metrics::{Metric, Samples, Scope};
use crate::node::Entities;
use crate::probes::ProbeSpec;

/// The numbers of every probe for every entity, as of one moment.
#[derive(Debug)]
pub struct Collection {
    /// Counts collections from 1.
    pub number: u64,
    /// When it began.
    pub started: Instant,
    /// The configuration it ran under.
    pub config: Arc<Config>,
    /// Who was on the node.
    pub entities: Entities,
    /// The labels of each exported entity.
    pub labels: Vec<LabelSet>,
    /// The labels of the machine.
    pub machine: LabelSet,
    /// The labels of each pod that has numbers in `kubeskoop_pod_info`.
    pub pod_info: Vec<LabelSet>,
    /// What each probe gave, in the order of the configuration.
    pub probes: Vec<ProbeResult>,
    /// Wall time it took.
    pub duration: Duration,
    /// CPU time of the threads that worked for it.
    pub cpu: Duration,
}

impl Collection {
    /// `true` while it need not be repeated.
    pub fn is_fresh(&self, config: &Arc<Config>) -> bool {
        Arc::ptr_eq(&self.config, config) && self.started.elapsed() < config.interval
    }

    /// The labels that say whose the number is that `metric` has for an entity.
    pub fn owner(&self, metric: &Metric, entity: usize) -> &LabelSet {
        match metric.scope {
            Scope::Machine => &self.machine,
            _ => &self.labels[entity],
        }
    }
}

/// What a probe gave.
#[derive(Debug, Clone)]
pub struct ProbeResult {
    /// Which probe.
    pub spec: &'static ProbeSpec,
    /// Its numbers; empty if it failed or was left out.
    pub samples: Samples,
    /// How it fares.
    pub status: ProbeStatus,
}

/// Whether a probe works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeState {
    /// It gives numbers.
    Up,
    /// It should give numbers and does not.
    Failed,
    /// What it measures does not exist here.
    NotApplicable,
}

impl ProbeState {
    /// Its value in the label `state`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Failed => "failed",
            Self::NotApplicable => "not_applicable",
        }
    }
}

/// How a probe fares.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProbeStatus {
    /// Whether it works.
    pub state: ProbeState,
    /// Where its numbers come from: `procfs`, `netlink` or `bpf`.
    pub source: &'static str,
    /// Why it does not work, or not everywhere.
    pub reason: Option<String>,
    /// How long it took from its start to its last number.
    #[serde(rename = "duration_seconds", serialize_with = "as_seconds")]
    pub duration: Duration,
    /// Series it gave.
    pub series: usize,
    /// Reads that failed since the exporter started.
    pub errors_total: u64,
    /// Series left out since the exporter started.
    pub series_dropped_total: u64,
    /// Counts that found no room in a BPF map since the exporter started.
    pub map_full_total: u64,
    /// How long its BPF programs have run, if the kernel measures it.
    #[serde(rename = "bpf_run_time_seconds", serialize_with = "as_seconds_if_any")]
    pub bpf_run_time: Option<Duration>,
}

#[expect(clippy::ref_option, reason = "serde hands over a reference to the field")]
fn as_seconds_if_any<S: serde::Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    duration.map(|it| it.as_secs_f64()).serialize(serializer)
}

fn as_seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}
