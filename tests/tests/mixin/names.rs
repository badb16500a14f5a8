//! Metrics, labels and edges exist.

use anyhow::Result;
use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::{Expr, LabelModifier};

use crate::findings::{finds, nothing};
use crate::labels::names;
use crate::model::Mixin;
use crate::queries::{Home, Query, Selector, parts};

#[test]
fn every_metric_that_is_named_exists() -> Result<()> {
    nothing(metrics)
}

#[test]
fn every_label_that_is_named_exists_where_it_is_named() -> Result<()> {
    nothing(labels)
}

#[test]
fn every_le_is_an_edge_of_its_histogram_and_no_integer() -> Result<()> {
    nothing(edges)
}

pub fn metrics(mixin: &Mixin) -> Vec<String> {
    let mut found = Vec::new();
    for query in &mixin.queries {
        for selector in query.selectors() {
            if mixin.labels.of_series(selector.name).is_none() {
                found.push(query.finding(&format!("there is no series {:?}", selector.name)));
            }
        }
    }
    found
}

/// Matchers name labels of the series; `by`, `on` and the like those of what they are applied to; what is shown
/// is of the result.
pub fn labels(mixin: &Mixin) -> Vec<String> {
    let mut found = Vec::new();
    for query in &mixin.queries {
        for selector in query.selectors() {
            let Some(known) = mixin.labels.of_series(selector.name) else {
                continue;
            };
            for matcher in selector.matchers {
                if !known.contains(&matcher.name) && !is_of_host(matcher) {
                    found.push(query.finding(&format!("{} has no label {}", selector.name, matcher.name)));
                }
            }
        }
        groupings(mixin, query, &query.expr, &mut found);
        let result = mixin.labels.of(&query.expr);
        for label in &query.shown {
            if !result.contains(label) {
                found.push(query.finding(&format!("{label} is shown, the result has {result:?}")));
            }
        }
    }
    found
}

/// A matcher of the labels of pods that what is of nodes only need not have, and so need not be without.
fn is_of_host(matcher: &Matcher) -> bool {
    let is_of_pods = ["k8s_pod", "netns"].contains(&matcher.name.as_str());
    is_of_pods && matcher.op == MatchOp::Equal && matcher.value.is_empty()
}

fn groupings(mixin: &Mixin, query: &Query, expr: &Expr, found: &mut Vec<String>) {
    let of = |expr| mixin.labels.of(expr);
    let (named, known) = match expr {
        Expr::Aggregate(it) => (modified(it.modifier.as_ref()), of(&it.expr)),
        Expr::Binary(it) => {
            let modifier = it.modifier.as_ref();
            let matching = modifier.and_then(|it| it.matching.as_ref());
            let more = modifier.and_then(|it| it.card.labels());
            let mut named = modified(matching);
            named.extend(more.into_iter().flat_map(|it| it.labels.clone()));
            (named, &of(&it.lhs) | &of(&it.rhs))
        }
        _ => (Vec::new(), crate::labels::Names::new()),
    };
    for label in &names(&named) - &known {
        found.push(query.finding(&format!("{label} is named, there are {known:?}")));
    }
    for part in parts(expr) {
        groupings(mixin, query, part, found);
    }
}

fn modified(modifier: Option<&LabelModifier>) -> Vec<String> {
    modifier.map(|it| it.labels().labels.clone()).unwrap_or_default()
}

pub fn edges(mixin: &Mixin) -> Vec<String> {
    let mut found = Vec::new();
    for query in &mixin.queries {
        for selector in query.selectors() {
            for matcher in selector.of("le") {
                found.extend(edge(mixin, &selector, matcher).map(|it| query.finding(&it)));
            }
        }
    }
    found
}

/// What is wrong with a matcher of `le`. Of a regular expression only plain alternatives can be told.
fn edge(mixin: &Mixin, selector: &Selector<'_>, matcher: &Matcher) -> Option<String> {
    let (metric, _) = mixin.labels.catalogue().find(selector.name)?;
    let plain = matcher.value.replace("\\.", ".").replace("\\+", "+");
    let alternatives: Vec<&str> = match matcher.op {
        MatchOp::Equal | MatchOp::NotEqual => vec![&matcher.value],
        MatchOp::Re(_) | MatchOp::NotRe(_) => plain.split('|').collect(),
    };
    // The text format has `le="1"`, of which Prometheus 3 makes "1.0".
    let is_integer = |edge: &str| {
        edge.parse::<f64>()
            .is_ok_and(|it| it.is_finite() && it.fract() == 0.0)
    };
    let wrong = alternatives
        .into_iter()
        .find(|edge| *edge != "+Inf" && (is_integer(edge) || !metric.buckets.contains(*edge)))?;
    if is_integer(wrong) {
        return Some(format!(
            "le {wrong:?} is an integer, which Prometheus 3 spells another way"
        ));
    }
    Some(format!(
        "{} has no le {wrong:?}, but {:?}",
        selector.name, metric.buckets
    ))
}

#[test]
fn names_that_do_not_exist_are_found() -> Result<()> {
    let panel = Home::Panel("some".to_owned());
    for (check, what, bad, good) in [
        (
            metrics as crate::findings::Check,
            "no series",
            "kubeskoop_tcp_outseg",
            "kubeskoop_tcp_outsegs",
        ),
        (
            metrics,
            "no series",
            "rate(kubeskoop_virtcmdlatency_latency_seconds[5m])",
            "rate(kubeskoop_virtcmdlatency_latency_seconds_count[5m])",
        ),
        (metrics, "no series", "kubeskoop_tcp_outsegs_bucket", "up"),
        (
            labels,
            "no label pod",
            "kubeskoop_tcp_outsegs{pod=\"a\"}",
            "kubeskoop_tcp_outsegs{k8s_pod=\"a\"}",
        ),
        (
            labels,
            "pod is named",
            "sum by (pod) (kubeskoop_tcp_outsegs)",
            "sum by (k8s_pod) (kubeskoop_tcp_outsegs)",
        ),
        (
            labels,
            "reason is named",
            "up * on (job, reason) up",
            "up * on (job, instance) up",
        ),
        (
            labels,
            "le is named",
            "sum without (le) (up)",
            "sum without (le) (kubeskoop_virtcmdlatency_latency_seconds_bucket)",
        ),
    ] {
        finds(check, &panel, what, bad, good)?;
    }
    let bucket = "kubeskoop_virtcmdlatency_latency_seconds_bucket";
    for (what, bad) in [
        ("no le \"0.03\"", "le=\"0.03\""),
        ("an integer", "le=\"1\""),
        ("an integer", "le=\"1.0\""),
        ("an integer", "le=~\"0.02|2\""),
        ("no le \"0.0.\"", "le=~\"0.0.\""),
    ] {
        let good = format!("{bucket}{{le=~\"0\\\\.02|0.1\"}}");
        finds(edges, &panel, what, &format!("{bucket}{{{bad}}}"), &good)?;
    }
    Ok(())
}
