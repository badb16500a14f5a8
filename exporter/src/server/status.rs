//! `/status`: the state of everything, as JSON.

use serde::Serialize;

use super::InForce;
use crate::collector::{Collection, ProbeStatus};
use crate::metrics::own::{REVISION, RUSTC, VERSION};
use crate::node::{EntityKind, PodCounts, WatchStatus};

/// The whole answer.
#[derive(Debug, Serialize)]
pub struct Status<'a> {
    build: Build,
    kernel: String,
    node: &'a str,
    config: ConfigStatus<'a>,
    kubernetes: Option<WatchStatus>,
    collection: Option<CollectionStatus>,
    exposition: Option<ExpositionStatus>,
    problems: Vec<String>,
    probes: Vec<Probe<'a>>,
}

#[derive(Debug, Serialize)]
struct Build {
    version: &'static str,
    revision: &'static str,
    rustc: &'static str,
}

#[derive(Debug, Serialize)]
struct ConfigStatus<'a> {
    file: Option<String>,
    in_force_since: f64,
    rejected: Option<&'a str>,
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct CollectionStatus {
    number: u64,
    age_seconds: f64,
    duration_seconds: f64,
    cpu_seconds: f64,
    network_namespaces: std::collections::BTreeMap<&'static str, usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pods: Option<PodCounts>,
}

/// What the last `/metrics` answer took.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ExpositionStatus {
    /// CPU time to write and compress it.
    pub cpu_seconds: f64,
    /// Size of what was sent, in whichever format and compression was asked for.
    pub bytes: usize,
}

#[derive(Debug, Serialize)]
struct Probe<'a> {
    name: &'a str,
    #[serde(flatten)]
    status: &'a ProbeStatus,
}

/// Puts the answer together.
pub fn status<'a>(
    in_force: &'a InForce,
    kubernetes: Option<WatchStatus>,
    collection: Option<&'a Collection>,
    exposition: Option<ExpositionStatus>,
) -> Status<'a> {
    let probes = collection.map_or(&[][..], |it| &it.probes);
    Status {
        build: Build {
            version: VERSION,
            revision: REVISION,
            rustc: RUSTC,
        },
        kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
        node: &in_force.config.node_name,
        config: ConfigStatus {
            file: in_force
                .loaded
                .file
                .as_ref()
                .map(|file| file.display().to_string()),
            in_force_since: in_force.since.as_secs_f64(),
            rejected: in_force.rejected.as_deref(),
            warnings: in_force.loaded.warnings.iter().map(ToString::to_string).collect(),
        },
        kubernetes,
        collection: collection.map(|it| CollectionStatus {
            number: it.number,
            age_seconds: it.started.elapsed().as_secs_f64(),
            duration_seconds: it.duration.as_secs_f64(),
            cpu_seconds: it.cpu.as_secs_f64(),
            network_namespaces: EntityKind::OF_NETNS
                .map(|kind| (kind.as_str(), it.entities.count(kind)))
                .into(),
            pods: it.entities.pods,
        }),
        exposition,
        problems: collection
            .map(|it| it.entities.problems.iter().map(ToString::to_string).collect())
            .unwrap_or_default(),
        probes: probes
            .iter()
            .map(|probe| Probe {
                name: probe.spec.name,
                status: &probe.status,
            })
            .collect(),
    }
}
