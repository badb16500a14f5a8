//! `/metrics`: a collection and the exporter's own figures, written out.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::collector::{Collection, ProbeResult, ProbeState};
use crate::kernel::own_process::OwnProcess;
use crate::metrics::POD_INFO;
use crate::metrics::own::{OwnFigures, ProbeFigures};
use crate::metrics::protobuf::{self, ProtobufWriter};
use crate::metrics::text::{self, TextWriter};
use crate::metrics::writer::{FamilyWriter, Sample, Value};
use crate::node::{EntityKind, PodCounts};

/// About what a series takes.
const BYTES_PER_SERIES: usize = 128;
const BYTES_OF_OWN_METRICS: usize = 16 * 1024;

/// The parts of the figures that are not of the collection.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings {
    pub reload_successful: bool,
    pub reloaded: std::time::Duration,
    pub requests_in_flight: u64,
    pub started: std::time::Duration,
    pub watch_in_sync: Option<bool>,
}

/// The formats there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Text, version 0.0.4.
    Text,
    /// Protobuf, each family behind its length.
    Protobuf,
}

impl Format {
    /// Its `Content-Type`.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => text::CONTENT_TYPE,
            Self::Protobuf => protobuf::CONTENT_TYPE,
        }
    }
}

/// Writes everything in a format. With `only`, the probes it names and nothing else of them.
pub fn write(format: Format, collection: &Collection, surroundings: Surroundings, only: &[&str]) -> Vec<u8> {
    let series: usize = collection.probes.iter().map(|probe| probe.status.series).sum();
    let capacity = series * BYTES_PER_SERIES + BYTES_OF_OWN_METRICS;
    match format {
        Format::Text => {
            let writer = TextWriter::with_capacity(capacity);
            families(writer, collection, surroundings, only)
        }
        Format::Protobuf => {
            let writer = ProtobufWriter::with_capacity(capacity)
                .native_histograms(collection.config.native_histograms);
            families(writer, collection, surroundings, only)
        }
    }
}

fn families(
    mut writer: impl FamilyWriter,
    collection: &Collection,
    surroundings: Surroundings,
    only: &[&str],
) -> Vec<u8> {
    let is_wanted = |probe: &&ProbeResult| only.is_empty() || only.contains(&probe.spec.name);
    for probe in collection.probes.iter().filter(is_wanted) {
        write_probe(&mut writer, collection, probe);
    }
    write_pod_info(&mut writer, collection);
    figures(collection, surroundings).write(&mut writer);
    writer.finish()
}

fn write_probe(writer: &mut impl FamilyWriter, collection: &Collection, probe: &ProbeResult) {
    for (index, metric) in probe.samples.metrics().iter().enumerate() {
        let numbers = probe.samples.column(index).map(|(entity, number)| Sample {
            labels: collection.owner(metric, entity),
            own_labels: None,
            value: Value::Integer(number),
        });
        let listed = probe.samples.list(index).iter().map(|sample| Sample {
            labels: collection.owner(metric, sample.entity),
            own_labels: sample.labels.as_deref(),
            value: sample.amount.value(),
        });
        writer.family(metric, numbers.chain(listed));
    }
}

fn write_pod_info(writer: &mut impl FamilyWriter, collection: &Collection) {
    let samples = collection.pod_info.iter().map(|labels| Sample {
        labels,
        own_labels: None,
        value: Value::Integer(1),
    });
    writer.family(&POD_INFO, samples);
}

fn figures(collection: &Collection, surroundings: Surroundings) -> OwnFigures {
    OwnFigures {
        probes: collection.probes.iter().map(figures_of).collect(),
        collection: collection.duration,
        namespaces: EntityKind::OF_NETNS
            .map(|kind| (kind.as_str(), collection.entities.count(kind)))
            .to_vec(),
        pods: collection.entities.pods.map_or_else(Vec::new, by_state),
        watch_in_sync: surroundings.watch_in_sync,
        reload_successful: surroundings.reload_successful,
        reloaded: surroundings.reloaded,
        requests_in_flight: surroundings.requests_in_flight,
        process: OwnProcess::now().unwrap_or_default(),
        started: surroundings.started,
    }
}

fn by_state(pods: PodCounts) -> Vec<(&'static str, usize)> {
    vec![
        ("exported", pods.exported),
        ("waiting", pods.waiting),
        ("without_process", pods.without_process),
    ]
}

fn figures_of(probe: &ProbeResult) -> ProbeFigures {
    let status = &probe.status;
    ProbeFigures {
        name: probe.spec.name,
        state: status.state.as_str(),
        source: status.source,
        up: match status.state {
            ProbeState::Up => Some(1),
            ProbeState::Failed => Some(0),
            ProbeState::NotApplicable => None,
        },
        duration: status.duration,
        errors_total: status.errors_total,
        series: status.series as u64,
        series_dropped_total: status.series_dropped_total,
        map_full_total: status.map_full_total,
        bpf_run_time: status.bpf_run_time,
    }
}

/// Compresses a body. The fastest level: scrapes are many and repeat themselves.
pub fn gzip(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 8), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}
