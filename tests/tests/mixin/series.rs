//! What the recording rules cost: the README of the mixin tells it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::command::output;
use kubeskoop_exporter_tests::lab::tools::{promtool, workspace_root};
use serde_json::Value;

const README: &str = "mixin/README.md";
const RULES: &str = "rules/kubeskoop-rules.yaml";
const TESTS: &str = "tests/rules/series_test.yaml";

fn text(path: &str) -> Result<String> {
    fs::read_to_string(workspace_root()?.join(path)).with_context(|| path.to_owned())
}

/// Names and expressions of the records.
fn records() -> Result<Vec<(String, String)>> {
    let rules: Value = serde_yaml::from_str(&text(RULES)?)?;
    let mut records = Vec::new();
    for group in rules["groups"].as_array().context("no groups")? {
        for rule in group["rules"].as_array().context("no rules")? {
            let of = |key: &str| rule[key].as_str().map(str::to_owned).context("no text");
            records.push((of("record")?, of("expr")?));
        }
    }
    Ok(records)
}

#[test]
fn a_pod_that_is_well_has_no_record_and_a_node_as_many_as_the_readme_says() -> Result<()> {
    let tests = workspace_root()?.join(TESTS);
    output(Command::new(promtool("2.42")?).args(["test", "rules"]).arg(tests))?;
    Ok(())
}

#[test]
fn the_readme_of_the_mixin_counts_the_records_of_each_level() -> Result<()> {
    let mut levels = BTreeMap::<String, usize>::new();
    for (name, _) in records()? {
        let level = name.split(':').next().unwrap_or_default();
        *levels.entry(level.to_owned()).or_default() += 1;
    }
    ensure!(levels.len() == 5, "{levels:?}");
    let readme = text(README)?;
    for (level, count) in levels {
        let row = format!("| `{level}:` | {count}: ");
        ensure!(readme.contains(&row), "the table does not say: {row}");
    }
    Ok(())
}

/// The metrics that an expression reads of every pod, each as often as it reads it.
fn read_of_pods(expression: &str) -> Vec<String> {
    let selectors = expression
        .split("kubeskoop_")
        .skip(1)
        .filter_map(|it| it.split_once('{'));
    selectors
        .filter(|(_, rest)| {
            !rest
                .split('}')
                .next()
                .unwrap_or_default()
                .contains("k8s_pod=\"\"")
        })
        .map(|(name, _)| name.to_owned())
        .filter(|name| !name.ends_with("_bucket"))
        .collect()
}

#[test]
fn the_readme_of_the_mixin_counts_what_an_evaluation_reads_of_a_pod() -> Result<()> {
    let (mut reads, mut series) = (0, BTreeSet::new());
    for (_, expression) in records()? {
        let read = read_of_pods(&expression);
        reads += read.len();
        series.extend(read);
    }
    let readme = text(README)?.split_whitespace().collect::<Vec<_>>().join(" ");
    let said = format!(
        "of each pod {} of its series are read, {reads} times in all",
        series.len()
    );
    ensure!(readme.contains(&said), "the README does not say: {said}");
    Ok(())
}
