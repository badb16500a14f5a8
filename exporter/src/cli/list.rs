//! `list`: probes, metrics and entities of this node, by a collection of its own.

use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;

use super::table::Table;
use super::{Common, own_pod, print};
use crate::collector::{Collection, Engine};
use crate::config;
use crate::metrics::own;
use crate::metrics::{Metric, POD_INFO, Scope};
use crate::node::{PodNames, PodWatch, WatchSettings};
use crate::probes::ProbeSpec;
use crate::probes::catalogue::PROBES;

const DEADLINE: Duration = Duration::from_secs(10);

/// What can be listed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum What {
    /// Every probe, whether it runs, and why it does not
    Probes,
    /// Every metric there is
    Metrics,
    /// Every network namespace found, and whose it is
    Entities,
}

/// How it is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For a person
    Table,
    /// For a program
    Json,
}

/// Lists it.
pub fn list(what: What, output: Output, common: &Common) -> anyhow::Result<()> {
    match what {
        What::Probes => probes(output, &collect(common)?),
        What::Metrics => metrics(output),
        What::Entities => entities(output, &collect(common)?),
    }
}

fn collect(common: &Common) -> anyhow::Result<Collection> {
    let loaded = config::load(common.config.as_deref(), &common.overrides())?;
    let names = pod_names(loaded.config.pod_watch())?;
    let mut engine = Engine::new(common.proc_fs()?, own_pod(), !common.no_bpf, names.clone());
    let collection = engine.collect(&Arc::new(loaded.config), DEADLINE);
    for problem in &collection.entities.problems {
        eprintln!("warning: {problem}");
    }
    if let Some(reason) = names.status().and_then(|it| it.reason) {
        eprintln!("warning: pods are not in sync: {reason}");
    }
    Ok(collection)
}

/// The names of pods, from a watch that runs until the process ends.
fn pod_names(settings: WatchSettings) -> anyhow::Result<PodNames> {
    if !settings.is_wanted {
        return Ok(PodNames::default());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let watch = {
        let _entered = runtime.enter();
        PodWatch::start(settings)
    };
    let names = watch.names();
    std::thread::Builder::new().name("pods".into()).spawn(move || {
        runtime.block_on(async {
            let _watch = watch;
            std::future::pending::<()>().await;
        });
    })?;
    Ok(names)
}

#[derive(Serialize)]
struct ProbeRow {
    name: &'static str,
    enabled: bool,
    state: &'static str,
    source: &'static str,
    series: usize,
    about: &'static str,
    reason: Option<String>,
}

fn probes(output: Output, collection: &Collection) -> anyhow::Result<()> {
    let rows: Vec<ProbeRow> = PROBES.iter().map(|spec| probe_row(spec, collection)).collect();
    if output == Output::Json {
        return json(&rows);
    }
    let mut table = Table::new([
        "PROBE",
        "STATE",
        "SOURCE",
        "SERIES",
        "WHAT IT TELLS, OR WHY IT DOES NOT",
    ]);
    for row in rows {
        let words = row.reason.unwrap_or_else(|| row.about.to_owned());
        let series = if row.enabled {
            row.series.to_string()
        } else {
            "-".into()
        };
        table.row([
            row.name.into(),
            row.state.into(),
            row.source.into(),
            series,
            words,
        ]);
    }
    print(&table.render())
}

fn probe_row(spec: &'static ProbeSpec, collection: &Collection) -> ProbeRow {
    let result = collection
        .probes
        .iter()
        .find(|probe| probe.spec.name == spec.name);
    let status = result.map(|probe| &probe.status);
    ProbeRow {
        name: spec.name,
        enabled: status.is_some(),
        state: status.map_or("off", |it| it.state.as_str()),
        source: status.map_or("-", |it| it.source),
        series: status.map_or(0, |it| it.series),
        about: spec.about,
        reason: status.and_then(|it| it.reason.clone()),
    }
}

#[derive(Serialize)]
struct MetricRow {
    name: &'static str,
    r#type: String,
    labels: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    buckets: Vec<&'static str>,
    scope: String,
    probe: &'static str,
    unit: &'static str,
    source: String,
    help: &'static str,
}

fn metrics(output: Output) -> anyhow::Result<()> {
    let of_probes = PROBES
        .iter()
        .flat_map(|spec| spec.metrics.iter().map(|metric| (spec.name, metric)));
    let of_exporter = own::METRICS.iter().map(|own| ("(self)", &own.metric));
    let rows: Vec<MetricRow> = of_probes
        .chain([("(always)", &POD_INFO)])
        .chain(of_exporter)
        .map(|(probe, metric)| metric_row(probe, metric))
        .collect();
    if output == Output::Json {
        return json(&rows);
    }
    let mut table = Table::new(["METRIC", "TYPE", "SCOPE", "PROBE", "HELP"]);
    for row in rows {
        table.row([
            row.name.into(),
            row.r#type,
            row.scope,
            row.probe.into(),
            row.help.into(),
        ]);
    }
    print(&table.render())
}

fn metric_row(probe: &'static str, metric: &Metric) -> MetricRow {
    debug_assert!(probe == "(self)" || metric.scope != Scope::Exporter);
    MetricRow {
        name: metric.name,
        r#type: metric.kind.to_string(),
        labels: metric.labels(),
        buckets: metric.buckets(),
        scope: metric.scope.to_string(),
        probe,
        unit: metric.unit,
        source: metric.source.describe().into_owned(),
        help: metric.help,
    }
}

fn entities(output: Output, collection: &Collection) -> anyhow::Result<()> {
    let entities: Vec<_> = collection.entities.all().collect();
    if output == Output::Json {
        return json(&entities);
    }
    let mut table = Table::new([
        "KIND",
        "POD",
        "NETNS",
        "INODE",
        "PROCESSES",
        "POD UID",
        "CONTAINER",
    ]);
    for entity in entities {
        let pod = entity.pod.as_ref();
        table.row([
            entity.kind.as_str().into(),
            pod.map_or_else(|| "-".into(), |pod| format!("{}/{}", pod.namespace, pod.name)),
            entity.netns.clone(),
            if entity.has_netns() {
                entity.inode.to_string()
            } else {
                "-".into()
            },
            entity.processes.to_string(),
            entity.pod_uid.clone().unwrap_or_else(|| "-".into()),
            entity
                .container_id
                .as_ref()
                .map_or_else(|| "-".into(), |id| id.chars().take(12).collect()),
        ]);
    }
    print(&table.render())
}

fn json(rows: &impl Serialize) -> anyhow::Result<()> {
    let mut text = serde_json::to_string_pretty(rows)?;
    text.push('\n');
    print(&text)
}
