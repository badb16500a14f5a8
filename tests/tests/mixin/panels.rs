//! What a panel says, where it stands, and how much it asks for.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use promql_parser::label::MatchOp;
use serde_json::{Value, json};

use crate::findings::{finds_in, nothing};
use crate::model::{Dashboard, Mixin, list};
use crate::queries::{Home, Query, RANGE, RATE_INTERVAL, Selector};

#[test]
fn every_panel_says_what_it_shows_in_which_unit_from_the_chosen_data_source() -> Result<()> {
    nothing(words)
}

#[test]
fn panels_have_ids_of_their_own_and_do_not_overlap() -> Result<()> {
    nothing(places)
}

#[test]
fn ranges_are_the_rate_interval_of_the_panel() -> Result<()> {
    nothing(windows)
}

#[test]
fn every_query_of_a_dashboard_is_of_the_chosen_clusters() -> Result<()> {
    nothing(chosen_clusters)
}

#[test]
fn no_query_is_over_all_pods_unless_asked_for() -> Result<()> {
    nothing(pods)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

pub fn words(mixin: &Mixin) -> Vec<String> {
    let mut found = Vec::new();
    for (place, panel) in mixin.dashboards.iter().flat_map(Dashboard::graphs) {
        let mut wrong = |what: &str| found.push(format!("{place}: {what}"));
        if text(panel, "title").is_empty() {
            wrong("no title");
        }
        let description = text(panel, "description");
        if !description.ends_with('.') || description.split(' ').count() < 3 {
            wrong("its description is no sentence");
        }
        if !panel["fieldConfig"]["defaults"]["unit"].is_string() {
            wrong("no unit");
        }
        if panel["datasource"] != json!({"type": "prometheus", "uid": "${datasource}"}) {
            wrong("not of the chosen data source");
        }
        if list(&panel["targets"]).is_empty() {
            wrong("no query");
        }
        let mut names = BTreeSet::new();
        for target in list(&panel["targets"]) {
            if target["datasource"] != panel["datasource"] {
                wrong("a query is not of the chosen data source");
            }
            if text(target, "refId").is_empty() || !names.insert(text(target, "refId")) {
                wrong("a query has no name of its own");
            }
            if text(panel, "type") == "timeseries" && text(target, "legendFormat").is_empty() {
                wrong("a query has no legend");
            }
        }
    }
    found
}

/// Columns of Grafana's grid.
const COLUMNS: u64 = 24;

pub fn places(mixin: &Mixin) -> Vec<String> {
    let mut found = Vec::new();
    for dashboard in &mixin.dashboards {
        let mut ids = BTreeSet::new();
        for panel in dashboard.panels() {
            if !panel["id"].as_u64().is_some_and(|id| id > 0 && ids.insert(id)) {
                found.push(format!(
                    "{}: {}: id {}",
                    dashboard.file, panel["title"], panel["id"]
                ));
            }
        }
        let mut taken = BTreeMap::new();
        for panel in dashboard.panels() {
            let at = |name: &str| panel["gridPos"][name].as_u64().unwrap_or_default();
            let cells =
                (at("y")..at("y") + at("h")).flat_map(|y| (at("x")..at("x") + at("w")).map(move |x| (x, y)));
            let mut other = None;
            for cell in cells {
                other = taken.insert(cell, &panel["title"]).or(other);
            }
            if let Some(other) = other {
                found.push(format!(
                    "{}: {} lies over {other}",
                    dashboard.file, panel["title"]
                ));
            }
            if at("w") == 0 || at("h") == 0 || at("x") + at("w") > COLUMNS {
                found.push(format!(
                    "{}: {}: {}",
                    dashboard.file, panel["title"], panel["gridPos"]
                ));
            }
        }
    }
    found
}

fn of_dashboards(mixin: &Mixin) -> impl Iterator<Item = (&Query, Selector<'_>)> {
    let queries = mixin.queries.iter().filter(|it| it.home.is_of_dashboard());
    queries.flat_map(|query| query.selectors().into_iter().map(move |it| (query, it)))
}

/// Any other one is too short for a wide range of time, or for a long scrape interval.
pub fn windows(mixin: &Mixin) -> Vec<String> {
    of_dashboards(mixin)
        .filter(|(_, selector)| {
            selector
                .range
                .is_some_and(|it| it != RATE_INTERVAL && it != RANGE)
        })
        .map(|(query, selector)| query.finding(&format!("{} has a range of its own", selector.name)))
        .collect()
}

/// The variable of the cluster itself has nothing to choose from yet.
pub fn chosen_clusters(mixin: &Mixin) -> Vec<String> {
    of_dashboards(mixin)
        .filter(|(query, selector)| {
            !query.place.ends_with("variable \"cluster\"") && !selector.has_pattern("cluster", "$cluster")
        })
        .map(|(query, selector)| query.finding(&format!("{} of any cluster", selector.name)))
        .collect()
}

/// Of what each pod has a series of, a panel takes those of one pod, of the node itself, or of a record, in which
/// only pods in trouble are.
pub fn pods(mixin: &Mixin) -> Vec<String> {
    let mut found = Vec::new();
    for (query, selector) in of_dashboards(mixin) {
        let metric = mixin.labels.catalogue().find(selector.name);
        let is_panel = matches!(query.home, Home::Panel(_));
        let narrows = selector.of("k8s_pod").any(|it| match &it.op {
            MatchOp::Equal => true,
            MatchOp::Re(_) => !it.value.starts_with(".*") && !it.value.starts_with(".+"),
            MatchOp::NotEqual | MatchOp::NotRe(_) => false,
        });
        if is_panel && metric.is_some_and(|(metric, _)| metric.is_of_pods()) && !narrows {
            found.push(query.finding(&format!("{} of all pods", selector.name)));
        }
    }
    found.extend(mixin.dashboards.iter().flat_map(all_at_first));
    found
}

/// Variables of pods that stand for all of them before one is chosen.
fn all_at_first(dashboard: &Dashboard) -> Vec<String> {
    let variables = dashboard.variables().iter();
    variables
        .filter(|it| text(it, "name").contains("pod") && it["includeAll"] == true)
        .map(|it| {
            format!(
                "{}: variable {} may stand for all pods",
                dashboard.file, it["name"]
            )
        })
        .collect()
}

#[test]
fn a_panel_that_says_too_little_or_asks_for_too_much_is_found() -> Result<()> {
    let panel = |id: u64, expr: &str| {
        json!({
            "id": id, "type": "timeseries", "description": "Wrong", "gridPos": {"x": 20, "y": 0, "w": 8, "h": 2},
            "targets": [{"expr": expr, "refId": "A"}, {"expr": "up", "refId": "A"}],
        })
    };
    let bad = json!({
        "templating": {"list": [{"name": "pod", "includeAll": true, "type": "custom"}]},
        "panels": [
            panel(1, "rate(kubeskoop_tcp_outsegs{k8s_pod!=\"\"}[5m])"),
            panel(1, "rate(kubeskoop_tcp_outsegs{k8s_pod=~\"$pod\"}[$__rate_interval])"),
            {"id": 2, "type": "stat"},
        ],
    });
    let said = [
        "no title",
        "no sentence",
        "no unit",
        "not of the chosen data source",
        "no query",
        "no name of its own",
        "no legend",
    ];
    for (check, words) in [
        (words as crate::findings::Check, &said[..]),
        (places, &["id 1", "lies over", "\"w\":8"]),
        (windows, &["a range of its own"]),
        (chosen_clusters, &["outsegs of any cluster", "up of any cluster"]),
        (pods, &["outsegs of all pods", "variable \"pod\""]),
    ] {
        finds_in(check, &bad, words)?;
    }
    Ok(())
}
