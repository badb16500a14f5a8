//! Dashboards as a whole: their addresses, their variables, and what they ask for.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::findings::{finds_in, nothing};
use crate::model::{Dashboard, Mixin, list, words_after};
use crate::queries::{Home, Query};

#[test]
fn every_dashboard_has_an_address_of_its_own_and_can_be_imported_as_it_is() -> Result<()> {
    nothing(addresses)
}

#[test]
fn every_dashboard_begins_with_the_data_source_and_the_cluster() -> Result<()> {
    nothing(variables)
}

#[test]
fn panels_are_of_kinds_that_grafana_keeps() -> Result<()> {
    nothing(kinds)
}

/// Every query of a dashboard: of panels, of variables, of annotations.
pub fn queries(dashboard: &Dashboard) -> Vec<Result<Query, String>> {
    let mut queries = Vec::new();
    for (place, panel) in dashboard.graphs() {
        for target in list(&panel["targets"]) {
            let home = Home::Panel(dashboard.uid().to_owned());
            let query = Query::parse(&place, home, target["expr"].as_str().unwrap_or_default());
            queries.push(query.map(|query| Query {
                shown: shown(target["legendFormat"].as_str()),
                ..query
            }));
        }
    }
    for variable in dashboard.variables().iter().filter(|it| it["type"] == "query") {
        let place = format!("{}: variable {}", dashboard.file, variable["name"]);
        let text = variable["query"].as_str().or(variable["query"]["query"].as_str());
        queries.push(of_variable(&place, text.unwrap_or_default()));
    }
    for annotation in list(&dashboard.model["annotations"]["list"]) {
        let place = format!("{}: annotation {}", dashboard.file, annotation["name"]);
        let text = annotation["target"]["expr"]
            .as_str()
            .or(annotation["expr"].as_str());
        if annotation["builtIn"].is_null() {
            let query = Query::parse(&place, Home::Annotation, text.unwrap_or_default());
            queries.push(query.map(|query| {
                Query {
                    shown: ["titleFormat", "textFormat"]
                        .iter()
                        .flat_map(|it| shown(annotation[*it].as_str()))
                        .collect(),
                    ..query
                }
            }));
        }
    }
    queries
}

/// Labels in double braces.
fn shown(format: Option<&str>) -> Vec<String> {
    words_after(&format.unwrap_or_default().replace(' ', ""), "{{")
        .into_iter()
        .filter(|it| it != "__auto")
        .collect()
}

/// `label_values(series, label)` or `query_result(expression)`, which are Grafana's and not Prometheus's.
fn of_variable(place: &str, text: &str) -> Result<Query, String> {
    let inner = |function: &str| text.strip_prefix(function)?.strip_suffix(')');
    if let Some((series, label)) = inner("label_values(").and_then(|it| it.rsplit_once(',')) {
        let query = Query::parse(place, Home::Variable, series)?;
        return Ok(Query {
            shown: vec![label.trim().to_owned()],
            ..query
        });
    }
    let expression = inner("query_result(").ok_or(format!("{place}: {text:?} is no query of a variable"))?;
    Query::parse(place, Home::Variable, expression)
}

/// The most that an annotation may hold, and so a client-side apply of the dashboard's ConfigMap.
const MOST: usize = 256 * 1024;

pub fn addresses(mixin: &Mixin) -> Vec<String> {
    let mut found = Vec::new();
    let (mut uids, mut titles) = (BTreeSet::new(), BTreeSet::new());
    for dashboard in &mixin.dashboards {
        let (uid, title) = (
            dashboard.uid(),
            dashboard.model["title"].as_str().unwrap_or_default(),
        );
        let text = dashboard.model.to_string();
        for (is_right, what) in [
            ((1..=40).contains(&uid.len()), "its uid has no 1 to 40 characters"),
            (
                dashboard.file == format!("{uid}.json"),
                "its file is not named after its uid",
            ),
            (uids.insert(uid), "its uid is taken"),
            (titles.insert(title), "its title is taken"),
            (
                title.starts_with("KubeSkoop / "),
                "its title does not begin with KubeSkoop /",
            ),
            (text.len() < MOST, "it does not fit into a ConfigMap"),
            (
                !text.contains("__inputs") && !text.contains("${DS_"),
                "it has to be asked for its data source",
            ),
            (dashboard.model["tags"] == json!(["kubeskoop"]), "its tags"),
            (dashboard.model["editable"] == false, "it may be edited in place"),
            (dashboard.model["id"].is_null(), "it has the id of one Grafana"),
            (dashboard.model["timezone"] == "utc", "its time zone"),
            (dashboard.model["refresh"] == "30s", "how often it is refreshed"),
        ] {
            if !is_right {
                found.push(format!("{}: {what}", dashboard.file));
            }
        }
    }
    found
}

pub fn variables(mixin: &Mixin) -> Vec<String> {
    let mut found = Vec::new();
    for dashboard in &mixin.dashboards {
        let mut wrong = |what: String| found.push(format!("{}: {what}", dashboard.file));
        let name = |at: usize| {
            dashboard
                .variables()
                .get(at)
                .map_or(&Value::Null, |it| &it["name"])
        };
        if name(0) != "datasource" || name(1) != "cluster" {
            wrong(format!("its variables begin with {}, {}", name(0), name(1)));
        }
        let mut known = BTreeSet::new();
        for variable in dashboard.variables() {
            let name = variable["name"].as_str().unwrap_or_default();
            known.insert(name);
            if variable["label"].as_str().is_none_or(str::is_empty) {
                wrong(format!("variable {name} has no label"));
            }
            if variable["type"] == "query" {
                if variable["datasource"]["uid"] != "${datasource}" {
                    wrong(format!("variable {name} is not of the chosen data source"));
                }
                if variable["refresh"] != 2 {
                    wrong(format!("variable {name} does not follow the range of time"));
                }
            } else if name == "datasource"
                && (variable["type"] != "datasource" || variable["query"] != "prometheus")
            {
                wrong("its data source is not Prometheus".to_owned());
            }
        }
        for used in used_variables(&dashboard.model.to_string()) {
            if !known.contains(used.as_str()) {
                wrong(format!("there is no variable {used}"));
            }
        }
    }
    found
}

/// Variables that are named anywhere, those of Grafana itself left out.
fn used_variables(text: &str) -> BTreeSet<String> {
    let plain = words_after(&text.replace("${", "$"), "$");
    plain
        .into_iter()
        .filter(|it| it.starts_with(|first: char| first.is_ascii_alphabetic()))
        .collect()
}

pub fn kinds(mixin: &Mixin) -> Vec<String> {
    let mut found = Vec::new();
    for dashboard in &mixin.dashboards {
        for (place, panel) in dashboard.graphs() {
            let kind = panel["type"].as_str().unwrap_or_default();
            if !["timeseries", "stat", "table", "heatmap"].contains(&kind) {
                found.push(format!("{place}: is a {kind}"));
            }
        }
    }
    found
}

#[test]
fn a_dashboard_that_cannot_be_imported_as_it_is_is_found() -> Result<()> {
    let query = |name: &str| json!({"name": name, "type": "query", "query": "label_values(up, job)"});
    let bad = json!({
        "uid": "a", "title": "A", "tags": [], "__inputs": [], "id": 3,
        "templating": {"list": [query("cluster"), query("datasource")]},
        "panels": [{"type": "row", "panels": [{"type": "graph", "title": "$pod"}]}],
    });
    for (check, words) in [
        (
            addresses as crate::findings::Check,
            &["file", "title", "asked", "tags", "edited", "id of one"][..],
        ),
        (
            variables,
            &[
                "begin with",
                "no label",
                "chosen data source",
                "range of time",
                "no variable pod",
            ],
        ),
        (kinds, &["is a graph"]),
    ] {
        finds_in(check, &bad, words)?;
    }
    ensure!(
        used_variables("$a ${b:regex} $__c \"$\"") == ["a", "b"].map(str::to_owned).into(),
        "variables"
    );
    Ok(())
}
