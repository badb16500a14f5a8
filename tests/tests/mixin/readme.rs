//! The jsonnet in the README of the mixin, used as it says: from a directory that has the mixin under vendor/.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::command::output;
use kubeskoop_exporter_tests::lab::tools::workspace_root;
use serde_json::Value;
use tempfile::TempDir;

const VENDORED: &str = "vendor/github.com/kubeskoop-exporter/kubeskoop-exporter";

/// The examples, each in the file that its first line names, beside the vendored mixin.
fn laid_out() -> Result<TempDir> {
    let mixin = workspace_root()?.join("mixin");
    let directory = tempfile::Builder::new().prefix("ksk-mixin-").tempdir()?;
    let vendored = directory.path().join(VENDORED);
    fs::create_dir_all(&vendored)?;
    output(Command::new("cp").arg("-r").args([&mixin, &vendored]))?;
    let readme = fs::read_to_string(mixin.join("README.md"))?;
    for block in readme.split("```jsonnet\n").skip(1) {
        let code = block.split("```").next().context("no end of a block")?;
        let name = code.lines().next().and_then(|line| line.strip_prefix("// "));
        fs::write(directory.path().join(name.context("no name of a file")?), code)?;
    }
    Ok(directory)
}

fn evaluate(directory: &Path, expression: &str) -> Result<Value> {
    let mut jsonnet = Command::new("jsonnet");
    jsonnet
        .current_dir(directory)
        .args(["-J", "vendor", "-e", expression]);
    Ok(serde_json::from_str(&output(&mut jsonnet)?)?)
}

#[test]
fn another_mixin_imports_this_one_and_overrides_its_configuration() -> Result<()> {
    let directory = laid_out()?;
    let alerts = evaluate(directory.path(), "(import 'mixin.libsonnet').prometheusAlerts")?;
    for group in alerts["groups"].as_array().context("no groups")? {
        for alert in group["rules"].as_array().context("no rules")? {
            let of = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let (name, annotations) = (of(&alert["alert"]), &alert["annotations"]);
            ensure!(
                of(&alert["expr"]).contains("job=\"network/kubeskoop\""),
                "{alert}"
            );
            ensure!(
                !of(&alert["expr"]).contains("job=\"kubeskoop-exporter\""),
                "{alert}"
            );
            let runbook = format!("https://wiki.example/runbooks/{name}");
            ensure!(of(&annotations["runbook_url"]) == runbook, "{alert}");
        }
    }
    Ok(())
}

#[test]
fn a_mixin_of_mixins_takes_its_alerts_records_and_dashboards() -> Result<()> {
    let directory = laid_out()?;
    let same = "local names(it) = {
            alerts: [rule.alert for group in it.prometheusAlerts.groups for rule in group.rules],
            records: [rule.record for group in it.prometheusRules.groups for rule in group.rules],
            dashboards: std.objectFields(it.grafanaDashboards),
        };
        local all = names(import 'all.libsonnet');
        [all == names(import 'mixin.libsonnet'), std.length(all.alerts) > 0, std.length(all.records) > 0]";
    let same = evaluate(directory.path(), same)?;
    ensure!(same == serde_json::json!([true, true, true]), "{same}");
    Ok(())
}

#[test]
fn an_alert_can_be_left_out_and_another_one_changed() -> Result<()> {
    let directory = laid_out()?;
    let alerts = |file: &str| {
        let of = format!(
            "{{ [rule.alert]: rule['for'] for group in (import '{file}').prometheusAlerts.groups for rule in group.rules }}"
        );
        evaluate(directory.path(), &of)
    };
    let (mut all, fewer) = (alerts("mixin.libsonnet")?, alerts("fewer.libsonnet")?);
    let all_of = all.as_object_mut().context("no object")?;
    ensure!(all_of.remove("KubeSkoopEventsLost").is_some(), "{all}");
    all["KubeSkoopDeviceDrops"] = "30m".into();
    ensure!(all == fewer, "{fewer}");
    Ok(())
}
