//! The mixin as somebody else renders it, with other settings.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::command::output;
use kubeskoop_exporter_tests::lab::files::below;
use kubeskoop_exporter_tests::lab::tools::workspace_root;
use serde_json::Value;

use crate::findings::{ALL, nothing_in};
use crate::model::{Dashboard, Mixin};
use crate::promtool::{check, test, there_is};
use crate::schema;

/// What a user sets: another cluster in sight, histograms of the other kind, names of their own.
const OTHERS: &str = "showMultiCluster: true, nativeHistograms: true";

/// Rules and dashboards with settings of one's own, as a mixin that imports this one takes them.
///
/// Debian's jsonnet takes a second or two for a dashboard: `dashboards` chooses some.
fn rendered(settings: &str, dashboards: &str) -> Result<Value> {
    let program = format!(
        "local mixin = (import 'mixin/mixin.libsonnet') + {{ _config+:: {{ {settings} }} }};
         {{ alerts: mixin.prometheusAlerts, records: mixin.prometheusRules, dashboards: {dashboards} }}"
    );
    let json = output(
        Command::new("jsonnet")
            .args(["-e", &program])
            .current_dir(workspace_root()?),
    )?;
    Ok(serde_json::from_str(&json)?)
}

fn mixin_of(rendering: &Value, native: bool) -> Result<Mixin> {
    let rules = ["alerts", "records"].map(|it| (it.to_owned(), rendering[it].clone()));
    let dashboards = rendering["dashboards"].as_object().context("no dashboards")?;
    let dashboards = dashboards.iter().map(|(file, model)| Dashboard {
        file: file.clone(),
        model: model.clone(),
    });
    Mixin::new(&rules, dashboards.collect(), &[], native)
}

/// The rules of a rendering, as files for promtool.
fn files(rendering: &Value, directory: &std::path::Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for (name, file) in [("alerts", "alerts.yaml"), ("records", "rules.yaml")] {
        let file = directory.join(file);
        std::fs::write(&file, rendering[name].to_string())?;
        files.push(file);
    }
    Ok(files)
}

#[test]
fn several_clusters_and_native_histograms_give_rules_and_dashboards_that_hold_as_well() -> Result<()> {
    let rendering = rendered(OTHERS, "mixin.grafanaDashboards")?;
    let mixin = mixin_of(&rendering, true)?;
    for check in ALL {
        nothing_in(&mixin, check)?;
    }
    let committed = Mixin::committed()?;
    ensure!(mixin.alerts.len() == committed.alerts.len(), "other alerts");
    for dashboard in &mixin.dashboards {
        ensure!(
            dashboard.variables()[1]["hide"] == 0,
            "{}: no choice of clusters",
            dashboard.file
        );
    }
    for alert in mixin
        .alerts
        .iter()
        .filter(|it| it.name != "KubeSkoopExporterDown")
    {
        let description = alert.model["annotations"]["description"]
            .as_str()
            .unwrap_or_default();
        ensure!(
            description.contains("{{ $labels.cluster }}"),
            "{}: {description}",
            alert.place
        );
    }
    for query in &mixin.queries {
        let classic = query
            .selectors()
            .iter()
            .any(|it| it.name.ends_with("_seconds_bucket"));
        ensure!(!classic, "{}", query.finding("a classic bucket"));
    }
    let directory = tempfile::tempdir()?;
    let files = files(&rendering, directory.path())?;
    let name = "several_clusters_and_native_histograms_give_rules_and_dashboards_that_hold_as_well";
    for version in ["2.42", "3"] {
        if there_is(version, name)? {
            check(version, &files)?;
        }
    }
    schema::nothing_refused(&mixin.dashboards)
}

/// Each directory of `tests/rules` has tests of one rendering, to stand beside it.
#[test]
fn rules_of_several_clusters_and_of_native_histograms_do_what_their_tests_say() -> Result<()> {
    let name = "rules_of_several_clusters_and_of_native_histograms_do_what_their_tests_say";
    let mut tested = 0;
    for (of, settings, versions) in [
        ("multicluster", "showMultiCluster: true", &["2.42", "3"][..]),
        // 2.42 cannot read series of native histograms.
        ("nativehistograms", "nativeHistograms: true", &["3"]),
    ] {
        let directory = tempfile::tempdir()?;
        files(&rendered(settings, "{}")?, directory.path())?;
        let mut tests = Vec::new();
        for file in below(&format!("tests/rules/{of}"))? {
            let copy = directory.path().join(file.file_name().context("no name")?);
            std::fs::copy(&file, &copy)?;
            tests.push(copy);
        }
        ensure!(!tests.is_empty(), "no tests of {of}");
        for version in versions {
            if there_is(version, name)? {
                test(version, &tests).with_context(|| of.to_owned())?;
                tested += 1;
            }
        }
    }
    ensure!(tested > 0, "nothing has been tested");
    Ok(())
}

/// The labels of another scrape configuration, and nothing of the exporter's own beside them.
#[test]
fn another_job_and_other_names_of_labels_are_taken_everywhere() -> Result<()> {
    let renamed = [
        ("clusterLabel", "cluster", "region"),
        ("nodeLabel", "k8s_node", "node"),
        ("namespaceLabel", "k8s_namespace", "namespace"),
        ("podLabel", "k8s_pod", "pod"),
    ];
    let keys: Vec<String> = renamed.map(|(key, _, name)| format!("{key}: '{name}'")).into();
    let rest = "kubeskoopExporterSelector: 'job=\"net\"', hostSelector: 'pod=\"\",netns=\"\"', \
                dnsPodSelector: 'namespace=\"kube-system\",pod=~\"coredns-.*\"'";
    let some = "{ [it]: mixin.grafanaDashboards[it] for it in ['kubeskoop-jitter.json', 'kubeskoop-overview.json'] }";
    let rendering = rendered(&format!("{}, {rest}", keys.join(", ")), some)?;
    let text = rendering.to_string();
    for (key, old, _) in renamed.iter().skip(1) {
        let at = text
            .find(old)
            .map(|at| &text[at.saturating_sub(80)..(at + 40).min(text.len())]);
        ensure!(at.is_none(), "{key}: {at:?}");
    }
    ensure!(!text.contains("job=\\\"kubeskoop-exporter"), "the job");
    let directory = tempfile::tempdir()?;
    check("2.42", &files(&rendering, directory.path())?)
}

#[test]
fn every_threshold_may_be_zero_or_large() -> Result<()> {
    let program = "local config = (import 'mixin/config.libsonnet')._config; \
                   [key for key in std.objectFields(config) if std.type(config[key]) == 'number']";
    let keys: Vec<String> = serde_json::from_str(&output(
        Command::new("jsonnet")
            .args(["-e", program])
            .current_dir(workspace_root()?),
    )?)?;
    // The one number that is no threshold.
    let thresholds: Vec<&String> = keys.iter().filter(|key| *key != "topPods").collect();
    ensure!(thresholds.len() >= 20, "{thresholds:?}");
    let directory = tempfile::tempdir()?;
    for value in ["0", "123456789"] {
        let settings: Vec<String> = thresholds.iter().map(|key| format!("{key}: {value}")).collect();
        let rendering = rendered(&settings.join(", "), "{}")?;
        ensure!(rendering.to_string().contains(&format!(">= {value}")), "{value}");
        check("2.42", &files(&rendering, directory.path())?)?;
    }
    Ok(())
}
