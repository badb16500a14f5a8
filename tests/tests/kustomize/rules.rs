//! The alerts in rules/.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::command::output;
use kubeskoop_exporter_tests::lab::tools::{promtool, workspace_root};
use serde_json::Value;

use crate::files::text;
use crate::renderings;

const RULES: &str = "rules/kubeskoop-exporter.yaml";
const TESTS: &str = "tests/rules/kubeskoop-exporter_test.yaml";

fn yaml(path: &str) -> Result<Value> {
    serde_yaml::from_str(&text(path)?).with_context(|| path.to_owned())
}

fn alerts() -> Result<Vec<Value>> {
    let groups = yaml(RULES)?["groups"].clone();
    let mut alerts = Vec::new();
    for group in groups.as_array().context("no groups")? {
        alerts.extend(group["rules"].as_array().context("no rules")?.iter().cloned());
    }
    ensure!(!alerts.is_empty(), "no alerts");
    Ok(alerts)
}

/// The metrics that an expression names.
pub fn metrics_of(expression: &str) -> BTreeSet<String> {
    let is_of_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    expression
        .split(|character| !is_of_name(character))
        .filter(|word| word.starts_with("kubeskoop_") || word.starts_with("process_"))
        .map(str::to_owned)
        .collect()
}

/// The metrics that there are, by the contract.
pub fn known_metrics() -> Result<BTreeSet<String>> {
    let contract = text("tests/contract/metrics.tsv")?;
    let names = contract.lines().filter_map(|line| line.split('\t').next());
    Ok(names.map(str::to_owned).collect())
}

fn promtool_accepts(version: &str) -> Result<()> {
    let root = workspace_root()?;
    let program = promtool(version)?;
    output(
        Command::new(&program)
            .args(["check", "rules", "--lint=all"])
            .arg(root.join(RULES)),
    )?;
    output(
        Command::new(&program)
            .args(["test", "rules"])
            .arg(root.join(TESTS)),
    )?;
    Ok(())
}

#[test]
fn each_alert_does_in_prometheus_2_42_what_its_tests_say() -> Result<()> {
    promtool_accepts("2.42")
}

#[test]
fn each_alert_does_in_prometheus_3_what_its_tests_say() -> Result<()> {
    if let Err(error) = promtool("3") {
        writeln!(
            std::io::stderr(),
            "SKIP each_alert_does_in_prometheus_3_what_its_tests_say: {error:#}"
        )?;
        return Ok(());
    }
    promtool_accepts("3")
}

#[test]
fn each_alert_has_a_test_in_which_it_fires_and_one_in_which_it_does_not() -> Result<()> {
    let tests = yaml(TESTS)?;
    let mut tested = BTreeSet::new();
    for test in tests["tests"].as_array().context("no tests")? {
        for check in test["alert_rule_test"].as_array().context("no checks")? {
            let fires = check["exp_alerts"]
                .as_array()
                .is_some_and(|alerts| !alerts.is_empty());
            tested.insert((check["alertname"].as_str().unwrap_or_default().to_owned(), fires));
        }
    }
    for alert in alerts()? {
        let name = alert["alert"].as_str().context("no name")?.to_owned();
        ensure!(
            tested.contains(&(name.clone(), true)),
            "{name} is nowhere to fire"
        );
        ensure!(
            tested.contains(&(name.clone(), false)),
            "{name} is nowhere to keep quiet"
        );
    }
    Ok(())
}

#[test]
fn each_alert_waits_and_says_what_where_and_how_urgent() -> Result<()> {
    for alert in alerts()? {
        ensure!(alert["for"].is_string(), "{alert}");
        let severity = alert["labels"]["severity"].as_str().unwrap_or_default();
        ensure!(["critical", "warning", "info"].contains(&severity), "{alert}");
        for annotation in ["summary", "description"] {
            let sentence = alert["annotations"][annotation].as_str().unwrap_or_default();
            ensure!(sentence.ends_with('.'), "{annotation}: {alert}");
        }
        let expression = alert["expr"].as_str().unwrap_or_default();
        ensure!(expression.contains("job=\"kubeskoop-exporter\""), "{alert}");
        let unknown: Vec<String> = metrics_of(expression)
            .difference(&known_metrics()?)
            .cloned()
            .collect();
        ensure!(unknown.is_empty(), "{alert}: {unknown:?}");
    }
    Ok(())
}

#[test]
fn the_operator_is_given_the_same_rules() -> Result<()> {
    let objects = renderings::of("base", &["prometheus-operator"])?;
    assert_eq!(objects.one("PrometheusRule")?["spec"], yaml(RULES)?);
    Ok(())
}
