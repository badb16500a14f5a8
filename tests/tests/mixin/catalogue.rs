//! What the exporter itself says it exports.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Result, ensure};
use kubeskoop_exporter_tests::lab::command::output;
use kubeskoop_exporter_tests::lab::exporter::binary;
use serde::Deserialize;

/// Named by an alert and exported once there are events. The one exception; a test ends it.
pub const NOT_YET: &str = "kubeskoop_exporter_events_lost_total";

/// A metric as `list metrics` has it.
#[derive(Clone, Debug, Deserialize)]
pub struct Metric {
    name: String,
    r#type: String,
    pub labels: BTreeSet<String>,
    /// Values of `le`.
    #[serde(default)]
    pub buckets: BTreeSet<String>,
    pub scope: String,
}

impl Metric {
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn is_histogram(&self) -> bool {
        self.r#type == "histogram"
    }

    /// Whether it has series that say by `k8s_pod` and `netns` whose they are.
    pub fn is_of_namespaces(&self) -> bool {
        self.labels.contains("k8s_pod")
    }

    /// Whether a node has many series of it: one for each pod, and its own.
    pub fn is_of_pods(&self) -> bool {
        self.scope == "pod+node" || self.scope == "pod"
    }
}

/// All metrics by name.
#[derive(Debug)]
pub struct Catalogue(BTreeMap<String, Metric>);

impl Catalogue {
    /// What the binary lists, and [`NOT_YET`].
    pub fn read() -> Result<Self> {
        let metrics: Vec<Metric> = serde_json::from_str(&listed()?)?;
        let mut metrics: BTreeMap<_, _> = metrics.into_iter().map(|it| (it.name.clone(), it)).collect();
        metrics.entry(NOT_YET.to_owned()).or_insert_with(not_yet);
        Ok(Self(metrics))
    }

    /// The metric whose series have this name, and what the name has behind that of a histogram.
    pub fn find<'a>(&self, name: &'a str) -> Option<(&Metric, &'a str)> {
        if let Some(metric) = self.0.get(name) {
            return Some((metric, ""));
        }
        let (base, suffix) = name.rsplit_once('_')?;
        let metric = self.0.get(base).filter(|it| it.is_histogram())?;
        ["bucket", "count", "sum"]
            .contains(&suffix)
            .then_some((metric, suffix))
    }

    /// Every label of every metric.
    pub fn all_labels(&self) -> BTreeSet<String> {
        self.0.values().flat_map(|it| it.labels.iter().cloned()).collect()
    }
}

/// What the binary says, which stays the same.
fn listed() -> Result<String> {
    static LISTED: OnceLock<String> = OnceLock::new();
    if let Some(text) = LISTED.get() {
        return Ok(text.clone());
    }
    let text = output(Command::new(binary()?).args(["list", "metrics", "--output", "json"]))?;
    Ok(LISTED.get_or_init(|| text).clone())
}

fn not_yet() -> Metric {
    Metric {
        name: NOT_YET.to_owned(),
        r#type: "counter".to_owned(),
        labels: BTreeSet::from(["where".to_owned()]),
        buckets: BTreeSet::new(),
        scope: "node".to_owned(),
    }
}

#[test]
fn what_is_not_exported_yet_is_excepted_only_until_it_is() -> Result<()> {
    ensure!(
        !listed()?.contains(NOT_YET),
        "{NOT_YET} is exported: take the exception out of tests/tests/mixin/catalogue.rs"
    );
    Ok(())
}

#[test]
fn every_histogram_is_listed_with_its_edges_and_nothing_else_with_any() -> Result<()> {
    let catalogue = Catalogue::read()?;
    for metric in catalogue.0.values() {
        ensure!(metric.is_histogram() != metric.buckets.is_empty(), "{metric:?}");
        // That these are the edges of a scrape is shown in tests/histograms.rs.
        let edges = if metric.is_of_pods() { 16 } else { 22 };
        ensure!(
            !metric.is_histogram() || metric.buckets.len() == edges,
            "{metric:?}"
        );
        ensure!(
            metric.buckets.contains("1e-06") == (metric.buckets.len() == 22),
            "{metric:?}"
        );
    }
    Ok(())
}
