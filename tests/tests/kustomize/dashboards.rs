//! The dashboards in dashboards/.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::command::output;
use kubeskoop_exporter_tests::lab::tools::promtool;
use serde_json::{Value, json};

use crate::files::below;
use crate::renderings;
use crate::rules::{known_metrics, metrics_of};

/// The most that an annotation may hold, and so a client-side apply.
const MOST: usize = 256 * 1024;

#[derive(Debug)]
struct Dashboard {
    file: String,
    text: String,
    model: Value,
}

impl Dashboard {
    fn panels(&self) -> Result<Vec<&Value>> {
        let panels = self.model["panels"].as_array().context("no panels")?;
        Ok(panels.iter().filter(|panel| panel["type"] != "row").collect())
    }
}

fn dashboards() -> Result<Vec<Dashboard>> {
    let mut dashboards = Vec::new();
    for path in below("dashboards")? {
        let file = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.extension().is_some_and(|it| it == "json") {
            let text = std::fs::read_to_string(&path)?;
            let model = serde_json::from_str(&text).with_context(|| file.clone())?;
            dashboards.push(Dashboard { file, text, model });
        }
    }
    ensure!(!dashboards.is_empty(), "no dashboards");
    Ok(dashboards)
}

#[test]
fn each_dashboard_is_in_a_config_map_of_its_own_that_grafana_s_sidecar_finds() -> Result<()> {
    let objects = renderings::of("base", &["grafana-dashboards"])?;
    let mut missing: BTreeSet<String> = dashboards()?.into_iter().map(|it| it.file).collect();
    for config_map in objects.all("ConfigMap") {
        let labels = &config_map["metadata"]["labels"];
        let data = config_map["data"].as_object().context("no data")?;
        if data.contains_key("config.yaml") {
            ensure!(labels["grafana_dashboard"].is_null(), "{labels}");
            continue;
        }
        ensure!(labels["grafana_dashboard"] == "1", "{labels}");
        ensure!(data.len() == 1, "{} files in one", data.len());
        let name = config_map["metadata"]["name"].as_str().unwrap_or_default();
        ensure!(name.starts_with("kubeskoop-dashboard-"), "{name}");
        for file in data.keys() {
            missing.remove(file);
        }
    }
    ensure!(missing.is_empty(), "in no ConfigMap: {missing:?}");
    Ok(())
}

#[test]
fn each_dashboard_has_an_address_of_its_own_and_takes_any_data_source() -> Result<()> {
    let mut addresses = BTreeSet::new();
    for Dashboard { file, text, model } in dashboards()? {
        let uid = model["uid"].as_str().unwrap_or_default().to_owned();
        ensure!((1..=40).contains(&uid.len()), "{file}: {uid:?}");
        ensure!(addresses.insert(uid), "{file}: its uid is taken");
        ensure!(text.len() < MOST && !text.contains("__inputs"), "{file}");
        let first = &model["templating"]["list"][0];
        ensure!(
            first["name"] == "datasource" && first["type"] == "datasource" && first["query"] == "prometheus",
            "{file}: {first}"
        );
        ensure!(
            model["tags"] == json!(["kubeskoop"]) && model["editable"] == false,
            "{file}"
        );
    }
    Ok(())
}

#[test]
fn each_panel_says_what_it_shows_in_which_unit() -> Result<()> {
    for dashboard in dashboards()? {
        for panel in dashboard.panels()? {
            let of = format!("{}: {}", dashboard.file, panel["title"]);
            let kind = panel["type"].as_str().unwrap_or_default();
            ensure!(
                ["timeseries", "stat", "table", "heatmap"].contains(&kind),
                "{of}: {kind}"
            );
            let description = panel["description"].as_str().unwrap_or_default();
            ensure!(description.ends_with('.'), "{of}: {description:?}");
            ensure!(
                panel["fieldConfig"]["defaults"]["unit"].is_string(),
                "{of}: no unit"
            );
            for target in panel["targets"].as_array().context("no targets")? {
                ensure!(target["datasource"]["uid"] == "${datasource}", "{of}: {target}");
            }
        }
    }
    Ok(())
}

#[test]
fn prometheus_understands_each_query_and_there_is_each_metric() -> Result<()> {
    let known = known_metrics()?;
    let mut rules = Vec::new();
    for dashboard in dashboards()? {
        for panel in dashboard.panels()? {
            for target in panel["targets"].as_array().context("no targets")? {
                let query = target["expr"].as_str().context("no query")?;
                let unknown: Vec<_> = metrics_of(query).difference(&known).cloned().collect();
                ensure!(unknown.is_empty(), "{}: {unknown:?} in {query}", dashboard.file);
                for selector in ["job=~\"$job\"", "cluster=~\"$cluster\""] {
                    ensure!(query.contains(selector), "{}: {query}", dashboard.file);
                }
                // promtool refuses rules of one name with the same labels.
                let number = rules.len();
                rules.push(json!({
                    "record": format!("panel:query:{number}"), "expr": query.replace("$__rate_interval", "5m")
                }));
            }
        }
    }
    let file = tempfile::NamedTempFile::new()?;
    let groups = json!({"groups": [{"name": "panels", "rules": rules}]});
    std::fs::write(file.path(), groups.to_string())?;
    output(
        Command::new(promtool("2.42")?)
            .args(["check", "rules"])
            .arg(file.path()),
    )
    .map(|_| ())
}
