//! The product documents' guides: `contract/guides.tsv` has each signal that they name, and the alert on it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::files::text;

use crate::findings::nothing;
use crate::model::Mixin;
use crate::queries::{Home, Query};

/// A signal of a guide.
struct Signal {
    guide: String,
    metric: String,
    /// Empty where a look at the dashboard has to do.
    alert: String,
}

fn signals() -> Result<Vec<Signal>> {
    let table = text("tests/contract/guides.tsv")?;
    let mut lines = table.lines();
    ensure!(lines.next() == Some("guide\tmetric\talert"), "other columns");
    lines
        .map(|line| {
            let [guide, metric, alert] = line.split('\t').collect::<Vec<_>>()[..] else {
                anyhow::bail!("a line of other columns: {line}");
            };
            Ok(Signal {
                guide: guide.to_owned(),
                metric: metric.to_owned(),
                alert: alert.to_owned(),
            })
        })
        .collect()
}

/// The dashboard of a guide. Of the exporter itself any has to do.
fn dashboard(guide: &str) -> Option<String> {
    (guide != "exporter").then(|| format!("kubeskoop-{guide}"))
}

/// Metrics of the exporter that a query is of, by way of records too.
fn metrics_of(mixin: &Mixin, query: &Query) -> BTreeSet<String> {
    let mut metrics = BTreeSet::new();
    for selector in query.selectors() {
        let is_histogram = mixin.labels.catalogue().find(selector.name);
        let name = is_histogram.map_or(selector.name, |(metric, _)| metric.name());
        metrics.insert(name.to_owned());
        metrics.extend(mixin.record(selector.name).flat_map(|it| metrics_of(mixin, it)));
    }
    metrics
}

#[test]
fn no_metric_that_a_guide_names_is_missing_from_its_dashboard() -> Result<()> {
    nothing(metrics)
}

pub fn metrics(mixin: &Mixin) -> Vec<String> {
    let mut shown: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for query in &mixin.queries {
        if let Home::Panel(dashboard) = &query.home {
            shown
                .entry(dashboard)
                .or_default()
                .extend(metrics_of(mixin, query));
        }
    }
    let signals = match signals() {
        Ok(signals) => signals,
        Err(error) => return vec![format!("{error:#}")],
    };
    let is_there = |signal: &Signal| match dashboard(&signal.guide) {
        Some(uid) => shown
            .get(uid.as_str())
            .is_some_and(|it| it.contains(&signal.metric)),
        None => signal.alert == "KubeSkoopEventsLost" || shown.values().any(|it| it.contains(&signal.metric)),
    };
    let missing = signals.into_iter().filter(|it| !is_there(it));
    missing
        .map(|it| format!("{} is not on the dashboard of the guide {}", it.metric, it.guide))
        .collect()
}

#[test]
fn every_alert_of_a_guide_exists_and_is_on_its_signal() -> Result<()> {
    nothing(alerts)
}

pub fn alerts(mixin: &Mixin) -> Vec<String> {
    let signals = match signals() {
        Ok(signals) => signals,
        Err(error) => return vec![format!("{error:#}")],
    };
    let mut found = Vec::new();
    for Signal { guide, metric, alert } in signals.iter().filter(|it| !it.alert.is_empty()) {
        let ending = format!(": {alert}");
        let mut expressions = mixin.queries.iter().filter(|it| it.home == Home::Alert);
        match expressions.find(|it| it.place.ends_with(&ending)) {
            None => found.push(format!("{guide}: there is no {alert}")),
            Some(query) if !metrics_of(mixin, query).contains(metric) => {
                found.push(query.finding(&format!("{metric} has no part in it")));
            }
            Some(_) => {}
        }
    }
    for alert in &mixin.alerts {
        if !signals.iter().any(|it| it.alert == alert.name) {
            found.push(format!("{}: contract/guides.tsv does not have it", alert.place));
        }
    }
    found
}

#[test]
fn the_guides_name_metrics_of_the_contract() -> Result<()> {
    let contract = text("tests/contract/metrics.tsv")?;
    let known: BTreeSet<&str> = contract.lines().filter_map(|it| it.split('\t').next()).collect();
    for signal in signals()? {
        ensure!(
            signal.metric == "up" || known.contains(signal.metric.as_str()),
            "{}",
            signal.metric
        );
    }
    Ok(())
}

#[test]
fn a_signal_that_is_taken_away_is_found() -> Result<()> {
    let mut mixin = Mixin::read()?;
    ensure!(!mixin.dashboards.is_empty(), "no dashboards");
    let of = |query: &Query, name: &str| query.selectors().iter().any(|it| it.name == name);
    mixin.queries.retain(|it| !of(it, "kubeskoop_udp_noports"));
    mixin
        .queries
        .retain(|it| !it.place.ends_with(": KubeSkoopTCPAbortMemory"));
    let missing = metrics(&mixin);
    let missing = missing
        .iter()
        .find(|it| it.starts_with("kubeskoop_udp_noports is not"));
    missing.context("nothing is missing from a dashboard")?;
    let found = alerts(&mixin).join("\n");
    for word in ["no KubeSkoopDNSReplyTooLate", "no KubeSkoopTCPAbortMemory"] {
        ensure!(found.contains(word), "{found}");
    }
    Ok(())
}
