//! By which labels is added up.

use anyhow::Result;
use promql_parser::parser::{Expr, LabelModifier};

use crate::findings::{finds, nothing};
use crate::labels::Names;
use crate::model::Mixin;
use crate::queries::{Home, Query, parts};

#[test]
fn what_is_added_up_or_joined_keeps_clusters_apart() -> Result<()> {
    nothing(clusters)
}

#[test]
fn every_record_has_the_labels_of_the_level_that_it_is_named_after() -> Result<()> {
    nothing(records)
}

/// Labels that are the same in another cluster, of something else.
const OF_PLACES: [&str; 6] = ["instance", "job", "k8s_node", "k8s_namespace", "k8s_pod", "netns"];

/// In Grafana, where clusters are chosen, all of them may be added up; but nothing that is of one place in each.
pub fn clusters(mixin: &Mixin) -> Vec<String> {
    let mut found = Vec::new();
    for query in &mixin.queries {
        grouped(query, &query.expr, &mut found);
    }
    found
}

fn grouped(query: &Query, expr: &Expr, found: &mut Vec<String>) {
    let has = |labels: &[String]| labels.iter().any(|it| it == "cluster");
    match expr {
        Expr::Aggregate(it) => match &it.modifier {
            Some(LabelModifier::Include(by)) if !has(&by.labels) && mixes(query, &by.labels) => {
                found.push(query.finding(&format!("{} by {:?}, without cluster", it.op, by.labels)));
            }
            Some(LabelModifier::Exclude(without)) if has(&without.labels) => {
                found.push(query.finding(&format!("{} without cluster", it.op)));
            }
            None if query.home.is_rule() => found.push(query.finding(&format!("{} of all clusters", it.op))),
            _ => {}
        },
        Expr::Binary(it) => {
            let matching = it.modifier.as_ref().and_then(|it| it.matching.as_ref());
            match matching {
                Some(LabelModifier::Include(on)) if !has(&on.labels) => {
                    found.push(query.finding(&format!("on {:?}, without cluster", on.labels)));
                }
                Some(LabelModifier::Exclude(ignored)) if has(&ignored.labels) => {
                    found.push(query.finding("ignoring cluster"));
                }
                _ => {}
            }
        }
        _ => {}
    }
    for part in parts(expr) {
        grouped(query, part, found);
    }
}

fn mixes(query: &Query, by: &[String]) -> bool {
    query.home.is_rule() || by.iter().any(|it| OF_PLACES.contains(&it.as_str()))
}

/// The labels that a level has to have, and whether it may have others.
fn level(name: &str) -> Option<(&'static [&'static str], bool)> {
    Some(match name.split(':').next()? {
        "pod" => (
            &["cluster", "k8s_node", "k8s_namespace", "k8s_pod", "netns"],
            true,
        ),
        "namespace" => (&["cluster", "k8s_namespace"], false),
        "node" => (&["cluster", "k8s_node"], false),
        "node_quantile" if name.contains("_softirq_") => {
            (&["cluster", "k8s_node", "quantile", "softirq_type"], false)
        }
        "node_quantile" => (&["cluster", "k8s_node", "quantile"], false),
        "cluster" => (&["cluster"], false),
        _ => return None,
    })
}

/// Names are `level:metric:operations`, the window among the operations.
pub fn records(mixin: &Mixin) -> Vec<String> {
    let mut found = Vec::new();
    for query in &mixin.queries {
        let Home::Record(name) = &query.home else {
            continue;
        };
        let Some((expected, may_have_others)) = level(name) else {
            found.push(query.finding("no level:metric:operations"));
            continue;
        };
        let parts: Vec<&str> = name.split(':').collect();
        if parts.len() != 3 || !parts[1].starts_with("kubeskoop_") || parts[2].is_empty() {
            found.push(query.finding("no level:metric:operations"));
        }
        let windows = query.selectors().into_iter().filter_map(|it| it.range);
        for minutes in windows.map(|it| it.as_secs() / 60) {
            if !parts[parts.len() - 1].ends_with(&format!("{minutes}m")) {
                found.push(query.finding(&format!("a window of {minutes}m")));
            }
        }
        let expected: Names = expected.iter().map(|&it| it.to_owned()).collect();
        let labels = mixin.labels.of_series(name).unwrap_or_default();
        if !labels.is_superset(&expected) || (!may_have_others && labels != expected) {
            found.push(query.finding(&format!("has {labels:?}, not {expected:?}")));
        }
    }
    found
}

#[test]
fn what_mixes_clusters_up_is_found() -> Result<()> {
    for (what, bad, good) in [
        (
            "without cluster",
            "sum by (k8s_namespace) (up)",
            "sum by (cluster, k8s_namespace) (up)",
        ),
        (
            "without cluster",
            "sum without (cluster) (up)",
            "sum without (job) (up)",
        ),
        ("of all clusters", "sum(up)", "max_over_time(up[5m])"),
        ("without cluster", "up * on (job) up", "up * on (cluster, job) up"),
        (
            "ignoring cluster",
            "up * ignoring (cluster) up",
            "up * ignoring (job) up",
        ),
    ] {
        finds(clusters, &Home::Alert, what, bad, good)?;
    }
    let panel = Home::Panel("some".to_owned());
    let total = "sum by (softirq_type) (kubeskoop_softirq_schedslow)";
    let bad = "sum by (k8s_node) (kubeskoop_softirq_schedslow)";
    finds(clusters, &panel, "without cluster", bad, total)
}

#[test]
fn a_record_of_another_level_than_its_name_says_is_found() -> Result<()> {
    let node = |operations: &str| Home::Record(format!("node:kubeskoop_tcp_outsegs:{operations}"));
    let good = "sum by (cluster, k8s_node) (rate(kubeskoop_tcp_outsegs[5m]))";
    for (home, what, bad) in [
        (
            node("sum_rate5m"),
            "has {",
            "sum by (cluster) (rate(kubeskoop_tcp_outsegs[5m]))",
        ),
        (node("sum_rate5m"), "has {", "rate(kubeskoop_tcp_outsegs[5m])"),
        (
            node("sum_rate5m"),
            "a window of 1m",
            "sum by (cluster, k8s_node) (rate(kubeskoop_tcp_outsegs[1m]))",
        ),
    ] {
        finds(records, &home, what, bad, good)?;
    }
    Ok(())
}
