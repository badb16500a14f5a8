//! Links lead to where they say, and keep what has been chosen.

use std::collections::BTreeSet;

use anyhow::Result;
use serde_json::{Value, json};

use crate::findings::{finds_in, nothing};
use crate::model::{Dashboard, Mixin, list, words_after};

#[test]
fn links_lead_to_dashboards_that_exist_and_keep_time_and_variables() -> Result<()> {
    nothing(links)
}

/// Addresses of dashboards in a text.
fn addresses(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if text.starts_with("/d/") => {
            found.insert(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|it| addresses(it, found)),
        Value::Object(items) => items.values().for_each(|it| addresses(it, found)),
        _ => {}
    }
}

pub fn links(mixin: &Mixin) -> Vec<String> {
    let mut found = Vec::new();
    for dashboard in &mixin.dashboards {
        let mut urls = BTreeSet::new();
        addresses(&dashboard.model, &mut urls);
        for url in urls {
            found.extend(wrong(mixin, &url).map(|it| format!("{}: {it}: {url}", dashboard.file)));
        }
        let menus = list(&dashboard.model["links"]);
        if !menus.iter().any(|it| it["tags"] == json!(["kubeskoop"])) {
            found.push(format!("{}: no list of the other dashboards", dashboard.file));
        }
        if menus
            .iter()
            .any(|it| it["keepTime"] != true || it["includeVars"] != true)
        {
            found.push(format!("{}: a link forgets time or variables", dashboard.file));
        }
    }
    found
}

/// What is wrong with the address of a dashboard.
fn wrong(mixin: &Mixin, url: &str) -> Option<String> {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let uid = path.split('/').nth(2).unwrap_or_default();
    let Some(target) = mixin.dashboards.iter().find(|it| it.uid() == uid) else {
        return Some(format!("there is no dashboard {uid}"));
    };
    // Grafana's own variables for the range of time, and for all variables of a page.
    if !query.contains("__url_time_range") && !query.contains("from=") {
        return Some("it forgets the time".to_owned());
    }
    let known: BTreeSet<&str> = target
        .variables()
        .iter()
        .filter_map(|it| it["name"].as_str())
        .collect();
    let given = words_after(query, "var-");
    given
        .into_iter()
        .find(|it| !known.contains(it.as_str()))
        .map(|it| format!("{uid} has no variable {it}"))
}

#[test]
fn a_link_that_leads_nowhere_or_forgets_is_found() -> Result<()> {
    let link = |url: &str| json!({"fieldConfig": {"defaults": {"links": [{"url": url}]}}});
    let bad = json!({
        "uid": "here",
        "links": [{"keepTime": false}],
        "panels": [
            link("/d/there?${__url_time_range}"),
            link("/d/here?var-a=1"),
            link("/d/here?var-a=1&${__url_time_range}"),
        ],
    });
    let words = [
        "no dashboard there",
        "forgets the time",
        "no variable a",
        "no list",
        "forgets time",
    ];
    finds_in(links, &bad, &words)
}

#[test]
fn every_dashboard_can_be_reached_from_the_first_one() -> Result<()> {
    let mixin = Mixin::committed()?;
    let tags = |it: &Dashboard| it.model["tags"].clone();
    let first = mixin
        .dashboards
        .iter()
        .find(|it| it.uid() == "kubeskoop-overview");
    let first = first.map(tags);
    for dashboard in &mixin.dashboards {
        assert_eq!(Some(tags(dashboard)), first, "{}", dashboard.file);
    }
    Ok(())
}
