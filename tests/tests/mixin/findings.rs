//! What a check finds in a mixin, and that it finds it.

use anyhow::{Result, bail, ensure};
use serde_json::Value;

use crate::catalogue::Catalogue;
use crate::labels::Labels;
use crate::model::{Dashboard, Mixin};
use crate::queries::{Home, Query};
use crate::{alerts, dashboards, guides, host, levels, links, names, panels, selectors};

/// Says what is wrong, a sentence each with the place and the expression.
pub type Check = fn(&Mixin) -> Vec<String>;

/// Every check, for a mixin that others rendered.
pub const ALL: [Check; 23] = [
    alerts::annotations,
    alerts::runbooks,
    alerts::severities,
    dashboards::addresses,
    dashboards::variables,
    dashboards::kinds,
    guides::alerts,
    guides::metrics,
    host::half_a_host,
    host::nodes,
    host::split_pods,
    levels::clusters,
    levels::records,
    links::links,
    names::edges,
    names::labels,
    names::metrics,
    panels::chosen_clusters,
    panels::places,
    panels::pods,
    panels::words,
    panels::windows,
    selectors::jobs,
];

/// It is an error if the check finds anything in the mixin as it is committed.
pub fn nothing(check: Check) -> Result<()> {
    nothing_in(Mixin::committed()?, check)
}

pub fn nothing_in(mixin: &Mixin, check: Check) -> Result<()> {
    let found = check(mixin);
    if !found.is_empty() {
        bail!("{} findings:\n{}", found.len(), found.join("\n"));
    }
    Ok(())
}

/// It is an error if the check does not find `what` in `bad`, or finds anything in `good`.
pub fn finds(check: Check, home: &Home, what: &str, bad: &str, good: &str) -> Result<()> {
    let in_good = check(&alone(home, good)?);
    ensure!(in_good.is_empty(), "{in_good:?}");
    let in_bad = check(&alone(home, bad)?);
    ensure!(in_bad.iter().any(|it| it.contains(what)), "{bad}: {in_bad:?}");
    Ok(())
}

/// It is an error if one of these words is in nothing that the check finds in this dashboard.
pub fn finds_in(check: Check, dashboard: &Value, words: &[&str]) -> Result<()> {
    let dashboard = Dashboard {
        file: "here.json".to_owned(),
        model: dashboard.clone(),
    };
    let found = check(&Mixin {
        queries: dashboards::queries(&dashboard).into_iter().flatten().collect(),
        dashboards: vec![dashboard],
        ..alone(&Home::Variable, "up")?
    });
    for word in words {
        ensure!(found.iter().any(|it| it.contains(word)), "{word}: {found:#?}");
    }
    Ok(())
}

/// A mixin of one expression.
fn alone(home: &Home, text: &str) -> Result<Mixin> {
    let query = Query::parse("here", home.clone(), text).map_err(anyhow::Error::msg)?;
    let queries = vec![query];
    Ok(Mixin {
        labels: Labels::new(Catalogue::read()?, &queries, false),
        queries,
        alerts: Vec::new(),
        dashboards: Vec::new(),
    })
}
