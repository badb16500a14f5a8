//! The dashboards in `dashboards/`, for Grafana's sidecar. What they are is tested in `tests/mixin.rs`.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::files::below;

use crate::renderings;

/// The files of the dashboards.
fn files() -> Result<BTreeSet<String>> {
    let mut paths = below("dashboards")?;
    paths.retain(|it| it.extension().is_some_and(|it| it == "json"));
    let names = paths.iter().filter_map(|it| it.file_name());
    let files: BTreeSet<String> = names.map(|it| it.to_string_lossy().into_owned()).collect();
    ensure!(!files.is_empty(), "no dashboards");
    Ok(files)
}

#[test]
fn each_dashboard_is_in_a_config_map_of_its_own_that_grafana_s_sidecar_finds() -> Result<()> {
    let objects = renderings::of("base", &["grafana-dashboards"])?;
    let mut missing = files()?;
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
