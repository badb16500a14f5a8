//! The rules in Prometheus's own hands, and what is tested of them.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::command::output;
use kubeskoop_exporter_tests::lab::files::below;
use kubeskoop_exporter_tests::lab::tools::promtool;
use serde_json::{Value, json};

use crate::model::{Mixin, list};
use crate::queries::{Home, Query, substituted};

/// The files of rules for a Prometheus.
fn rule_files() -> Result<Vec<PathBuf>> {
    let mut files = below("rules")?;
    files.retain(|it| {
        it.file_name()
            .is_some_and(|it| it.to_string_lossy().starts_with("kubeskoop-"))
    });
    ensure!(files.len() >= 2, "{files:?}");
    Ok(files)
}

/// The files of tests of the rules as they are committed; those of other renderings are in directories of their own.
fn test_files() -> Result<Vec<PathBuf>> {
    let mut files = below("tests/rules")?;
    files.retain(|it| it.parent().is_some_and(|it| it.ends_with("tests/rules")));
    let is_test = |it: &PathBuf| it.to_string_lossy().ends_with("_test.yaml");
    ensure!(!files.is_empty() && files.iter().all(is_test), "{files:?}");
    Ok(files)
}

/// Checks rules with a version of promtool, all of its lints on.
pub fn check(version: &str, files: &[PathBuf]) -> Result<()> {
    let mut command = Command::new(promtool(version)?);
    // 3 tells what a lint has found, and goes on, unless it is fatal.
    command.args(["check", "rules", "--lint=all"]);
    command.args((version != "2.42").then_some("--lint-fatal"));
    output(command.args(files)).map(|_| ())
}

/// Whether there is this version; if not, it is said on stderr that `test` is left out.
pub fn there_is(version: &str, test: &str) -> Result<bool> {
    let Err(error) = promtool(version) else {
        return Ok(true);
    };
    ensure!(version != "2.42", "{error:#}");
    writeln!(
        std::io::stderr(),
        "SKIP {test} with Prometheus {version}: {error:#}"
    )?;
    Ok(false)
}

fn tests_hold(version: &str) -> Result<()> {
    check(version, &rule_files()?)?;
    test(version, &test_files()?)
}

/// Runs tests of rules in a version of promtool.
pub fn test(version: &str, files: &[PathBuf]) -> Result<()> {
    let mut command = Command::new(promtool(version)?);
    command.args(["test", "rules"]).args(files);
    output(&mut command).map(|_| ())
}

#[test]
fn rules_do_in_prometheus_2_42_what_their_tests_say() -> Result<()> {
    tests_hold("2.42")
}

#[test]
fn rules_do_in_prometheus_3_what_their_tests_say() -> Result<()> {
    if there_is("3", "rules_do_in_prometheus_3_what_their_tests_say")? {
        tests_hold("3")?;
    }
    Ok(())
}

#[test]
fn prometheus_itself_understands_every_query_of_dashboards_and_runbooks() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("queries.yaml");
    let mixin = Mixin::committed()?;
    let queries = mixin.queries.iter().filter(|it| !it.home.is_rule());
    // promtool refuses rules of one name with the same labels.
    let rules = queries.enumerate().map(|(number, query)| {
        let name = format!("query:of:{number}");
        json!({"record": name, "expr": substituted(&query.text), "labels": {"place": query.place}})
    });
    let groups = json!({"groups": [{"name": "queries", "rules": rules.collect::<Vec<_>>()}]});
    std::fs::write(&file, groups.to_string())?;
    for version in ["2.42", "3"] {
        if there_is(
            version,
            "prometheus_itself_understands_every_query_of_dashboards_and_runbooks",
        )? {
            check(version, std::slice::from_ref(&file))?;
        }
    }
    Ok(())
}

/// Every test of rules, with its file.
fn tests() -> Result<Vec<(PathBuf, Value)>> {
    let mut tests = Vec::new();
    for path in test_files()? {
        let model = yaml(&path)?;
        tests.extend(list(&model["tests"]).iter().map(|it| (path.clone(), it.clone())));
    }
    Ok(tests)
}

fn yaml(path: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(path)?;
    serde_yaml::from_str(&text).with_context(|| path.display().to_string())
}

#[test]
fn every_alert_has_a_test_in_which_it_fires_and_one_in_which_it_does_not() -> Result<()> {
    let mut tested = BTreeSet::new();
    for (_, test) in tests()? {
        for check in list(&test["alert_rule_test"]) {
            let fires = !list(&check["exp_alerts"]).is_empty();
            tested.insert((check["alertname"].as_str().unwrap_or_default().to_owned(), fires));
        }
    }
    let alerts: Vec<String> = Mixin::committed()?
        .alerts
        .iter()
        .map(|it| it.name.clone())
        .collect();
    let has = |name: &str, fires: bool| tested.contains(&(name.to_owned(), fires));
    let quiet: Vec<_> = alerts.iter().filter(|it| !has(it, true)).collect();
    let loud: Vec<_> = alerts.iter().filter(|it| !has(it, false)).collect();
    ensure!(
        quiet.is_empty() && loud.is_empty(),
        "do not fire in a test: {quiet:?}\nfire in every test: {loud:?}"
    );
    let unknown: Vec<_> = tested.iter().filter(|(name, _)| !alerts.contains(name)).collect();
    ensure!(unknown.is_empty(), "tested, but no alerts: {unknown:?}");
    Ok(())
}

#[test]
fn every_record_has_a_test_of_its_value() -> Result<()> {
    let mut tested = BTreeSet::new();
    for (path, test) in tests()? {
        for check in list(&test["promql_expr_test"]) {
            // A test that expects nothing is none of a value.
            let text = check["expr"].as_str().unwrap_or_default();
            let query =
                Query::parse(&path.display().to_string(), Home::Alert, text).map_err(anyhow::Error::msg)?;
            let has_value = !list(&check["exp_samples"]).is_empty();
            tested.extend(
                query
                    .selectors()
                    .iter()
                    .filter(|_| has_value)
                    .map(|it| it.name.to_owned()),
            );
        }
    }
    let records: BTreeSet<String> = Mixin::committed()?
        .queries
        .iter()
        .filter_map(|it| match &it.home {
            Home::Record(name) => Some(name.clone()),
            _ => None,
        })
        .collect();
    ensure!(!records.is_empty(), "no records");
    let missing = &records - &tested;
    ensure!(missing.is_empty(), "without a test of their value: {missing:#?}");
    Ok(())
}

#[test]
fn every_test_of_rules_is_named_by_what_it_shows() -> Result<()> {
    let mut names = BTreeSet::new();
    for (path, test) in tests()? {
        let name = test["name"].as_str().unwrap_or_default();
        ensure!(
            name.split(' ').count() >= 3,
            "{}: {name:?} is no name of a behaviour",
            path.display()
        );
        ensure!(
            names.insert((path.clone(), name.to_owned())),
            "{}: {name:?} is taken",
            path.display()
        );
    }
    Ok(())
}
