//! Numbers of a node are those of its own network namespace, on Kubernetes and on a plain host.

use anyhow::Result;
use promql_parser::label::MatchOp;
use promql_parser::parser::{AggregateExpr, LabelModifier};

use crate::findings::{finds, nothing};
use crate::model::Mixin;
use crate::queries::{Home, Selector};

/// The dashboard of nodes.
const NODES: &str = "kubeskoop-node";

#[test]
fn the_node_itself_is_selected_by_both_empty_labels() -> Result<()> {
    nothing(half_a_host)
}

#[test]
fn numbers_of_nodes_are_of_the_node_itself_or_sums_over_its_namespaces() -> Result<()> {
    nothing(nodes)
}

#[test]
fn namespaces_of_a_plain_host_are_not_taken_for_one_pod() -> Result<()> {
    nothing(split_pods)
}

fn is_host(selector: &Selector<'_>) -> bool {
    selector.has("k8s_pod", "") && selector.has("netns", "")
}

/// On a plain host every namespace has an empty `k8s_pod`, with Kubernetes every pod an absent `netns`.
pub fn half_a_host(mixin: &Mixin) -> Vec<String> {
    let mut found = Vec::new();
    for query in &mixin.queries {
        for selector in query.selectors() {
            if selector.has("k8s_pod", "") != selector.has("netns", "") {
                found.push(query.finding(&format!(
                    "{} selects half of k8s_pod=\"\",netns=\"\"",
                    selector.name
                )));
            }
        }
    }
    found
}

/// Of a metric that pods have as well, a query of nodes takes the node's own series, or adds up.
pub fn nodes(mixin: &Mixin) -> Vec<String> {
    let mut found = Vec::new();
    for query in &mixin.queries {
        let is_of_nodes = match &query.home {
            Home::Record(name) => name.starts_with("node"),
            Home::Panel(dashboard) => dashboard == NODES,
            _ => false,
        };
        for selector in query.selectors().iter().filter(|_| is_of_nodes) {
            let metric = mixin.labels.catalogue().find(selector.name);
            if metric.is_some_and(|(metric, _)| metric.is_of_pods())
                && !is_host(selector)
                && !selector.around.iter().any(|it| drops(it, "k8s_pod"))
            {
                found.push(query.finding(&format!("{} is not of the node itself", selector.name)));
            }
        }
    }
    found
}

/// What keeps `k8s_pod` has to keep `netns`, unless it is about pods.
pub fn split_pods(mixin: &Mixin) -> Vec<String> {
    let mut found = Vec::new();
    for query in &mixin.queries {
        for selector in query.selectors() {
            let is_of_pods = is_host(&selector)
                || selector.of("k8s_pod").any(|it| match &it.op {
                    MatchOp::NotEqual => it.value.is_empty(),
                    MatchOp::Equal => !it.value.is_empty(),
                    MatchOp::Re(_) => it.value != ".*",
                    MatchOp::NotRe(_) => false,
                });
            let has_netns = mixin
                .labels
                .of_series(selector.name)
                .is_some_and(|it| it.contains("netns"));
            let splits = |it: &&AggregateExpr| !drops(it, "k8s_pod") && drops(it, "netns");
            if has_netns && !is_of_pods && selector.around.iter().any(splits) {
                found.push(query.finding(&format!("{} is summed by k8s_pod without netns", selector.name)));
            }
        }
    }
    found
}

fn drops(aggregate: &AggregateExpr, label: &str) -> bool {
    let has = |labels: &[String]| labels.iter().any(|it| it == label);
    let op = aggregate.op.to_string();
    if ["topk", "bottomk", "limitk", "limit_ratio"].contains(&op.as_str()) {
        return false;
    }
    match &aggregate.modifier {
        None => true,
        Some(LabelModifier::Include(by)) => !has(&by.labels),
        Some(LabelModifier::Exclude(without)) => has(&without.labels),
    }
}

#[test]
fn numbers_that_are_not_of_the_node_itself_are_found() -> Result<()> {
    let good = "kubeskoop_tcp_outsegs{k8s_pod=\"\",netns=\"\"}";
    for bad in [
        "kubeskoop_tcp_outsegs{k8s_pod=\"\"}",
        "kubeskoop_tcp_outsegs{netns=\"\"}",
    ] {
        finds(half_a_host, &Home::Alert, "half of", bad, good)?;
    }
    let home = Home::Record("node:kubeskoop_tcp_outsegs:rate5m".to_owned());
    for (bad, good) in [
        ("kubeskoop_tcp_outsegs", "kubeskoop_softnet_dropped"),
        (
            "topk(3, kubeskoop_tcp_outsegs)",
            "sum by (k8s_node) (kubeskoop_tcp_outsegs)",
        ),
        ("sum by (k8s_pod) (kubeskoop_tcp_outsegs)", good),
    ] {
        finds(nodes, &home, "not of the node itself", bad, good)?;
    }
    for (bad, good) in [
        (
            "sum by (k8s_pod) (kubeskoop_tcp_outsegs)",
            "sum by (k8s_pod, netns) (kubeskoop_tcp_outsegs)",
        ),
        (
            "sum without (netns) (kubeskoop_tcp_outsegs)",
            "sum by (k8s_pod) (kubeskoop_tcp_outsegs{k8s_pod!=\"\"})",
        ),
    ] {
        finds(split_pods, &Home::Alert, "without netns", bad, good)?;
    }
    Ok(())
}
