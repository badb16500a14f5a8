//! `/metrics`: a collection and the exporter's own figures as text.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::collector::{Collection, ProbeResult, ProbeState};
use crate::kernel::own_process::OwnProcess;
use crate::metrics::own::{OwnFigures, ProbeFigures};
use crate::metrics::text::TextWriter;
use crate::node::EntityKind;

/// About what a series takes in the text.
const BYTES_PER_SERIES: usize = 128;
const BYTES_OF_OWN_METRICS: usize = 16 * 1024;

/// The parts of the figures that are not of the collection.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings {
    pub reload_successful: bool,
    pub reloaded: std::time::Duration,
    pub requests_in_flight: u64,
    pub started: std::time::Duration,
}

/// Writes the text. With `only`, the probes it names and nothing else of them.
pub fn text(collection: &Collection, surroundings: Surroundings, only: &[&str]) -> Vec<u8> {
    let is_wanted = |probe: &&ProbeResult| only.is_empty() || only.contains(&probe.spec.name);
    let series: usize = collection.probes.iter().map(|probe| probe.status.series).sum();
    let mut writer = TextWriter::with_capacity(series * BYTES_PER_SERIES + BYTES_OF_OWN_METRICS);
    for probe in collection.probes.iter().filter(is_wanted) {
        write_probe(&mut writer, collection, probe);
    }
    figures(collection, surroundings).write(&mut writer);
    writer.finish()
}

fn write_probe(writer: &mut TextWriter, collection: &Collection, probe: &ProbeResult) {
    for (index, metric) in probe.samples.metrics().iter().enumerate() {
        let mut samples = probe.samples.column(index).peekable();
        if samples.peek().is_some() {
            writer.family_of(metric);
        }
        for (entity, number) in samples {
            writer.integer(metric.name, &collection.labels[entity], number);
        }
    }
}

fn figures(collection: &Collection, surroundings: Surroundings) -> OwnFigures {
    OwnFigures {
        probes: collection.probes.iter().map(figures_of).collect(),
        collection: collection.duration,
        namespaces: EntityKind::ALL
            .map(|kind| (kind.as_str(), collection.entities.count(kind)))
            .to_vec(),
        reload_successful: surroundings.reload_successful,
        reloaded: surroundings.reloaded,
        requests_in_flight: surroundings.requests_in_flight,
        process: OwnProcess::now().unwrap_or_default(),
        started: surroundings.started,
    }
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
    }
}

/// Compresses a body. The fastest level: scrapes are many and their text repeats itself.
pub fn gzip(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 8), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}
