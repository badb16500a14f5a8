//! What the exporter tells of itself beside its metrics.

use std::fs;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::command::output;
use kubeskoop_exporter_tests::lab::configmap::ConfigMap;
use kubeskoop_exporter_tests::lab::exporter::{Exporter, binary};
use serde_json::Value;

use crate::raw::status;

#[test]
fn healthz_and_readyz_say_yes() -> Result<()> {
    let exporter = Exporter::start()?;
    for (path, body) in [("/healthz", "ok\n"), ("/readyz", "ready\n")] {
        let answer = exporter.get(path)?;
        assert_eq!((answer.status, answer.body.as_str()), (200, body), "{path}");
    }
    Ok(())
}

/// This version cannot watch pods, and must not say that it does.
#[test]
fn readyz_says_no_with_the_reason_where_kubernetes_is_required() -> Result<()> {
    let exporter = Exporter::builder()
        .config("kubernetes:\n  enabled: true\n")
        .start()?;
    let answer = exporter.get("/readyz")?;
    assert_eq!(answer.status, 503);
    ensure!(
        answer
            .body
            .starts_with("not ready: pods are not in sync: there is no API server to ask"),
        "{}",
        answer.body
    );
    assert_eq!(exporter.get("/healthz")?.status, 200);
    Ok(())
}

#[test]
fn status_tells_what_runs_where_and_how_it_fares() -> Result<()> {
    let map = ConfigMap::new("kubernetes:\n  nodeName: here\nteapot: 1\n")?;
    let exporter = Exporter::builder().config_dir(&map).start()?;
    exporter.scrape()?;
    let answer = exporter.get("/status")?;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let status: Value = serde_json::from_str(&answer.body)?;

    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    assert_eq!(status["kernel"].as_str(), Some(kernel.trim_end()));
    assert_eq!(status["node"], "here");
    for field in ["version", "revision", "rustc"] {
        let text = status["build"][field].as_str().unwrap_or_default();
        ensure!(!text.is_empty(), "build.{field} in {status}");
    }
    let config = &status["config"];
    assert_eq!(config["file"].as_str(), map.path().to_str());
    ensure!(
        config["in_force_since"].as_f64().is_some_and(|time| time > 1e9),
        "{config}"
    );
    ensure!(config["rejected"].is_null(), "{config}");
    assert_eq!(
        config["warnings"][0],
        "line 3: unknown key teapot; it has no effect"
    );
    let collection = &status["collection"];
    for field in ["number", "age_seconds", "duration_seconds", "cpu_seconds"] {
        ensure!(collection[field].is_number(), "collection.{field} in {status}");
    }
    assert_eq!(collection["network_namespaces"]["host"], 1);
    ensure!(
        status["exposition"]["bytes"]
            .as_u64()
            .is_some_and(|bytes| bytes > 1000),
        "{status}"
    );
    ensure!(status["problems"].is_array(), "{status}");
    Ok(())
}

#[test]
fn status_tells_of_every_probe() -> Result<()> {
    let exporter = Exporter::start()?;
    let metrics = exporter.scrape()?;
    let status = status(&exporter)?;
    let probes = status["probes"].as_array().context("no probes")?;
    assert_eq!(probes.len(), metrics.samples("kubeskoop_exporter_series").count());
    for probe in probes {
        let name = probe["name"].as_str().context("a probe without a name")?;
        let state = probe["state"].as_str().unwrap_or_default();
        let source = probe["source"].as_str().unwrap_or_default();
        let labels = [("probe", name), ("state", state), ("source", source)];
        assert_eq!(
            metrics.value("kubeskoop_exporter_probe_state", &labels),
            Some(1.0),
            "{probe}"
        );
        assert_eq!(probe["reason"].is_null(), state == "up", "{probe}");
        for field in [
            "duration_seconds",
            "series",
            "errors_total",
            "series_dropped_total",
        ] {
            ensure!(probe[field].is_number(), "{field} of {probe}");
        }
    }
    Ok(())
}

/// What is printed can be put in a file, and means the same there.
#[test]
fn config_is_what_check_config_prints() -> Result<()> {
    let yaml = "\
debugmode: true
port: 9103
interval: 90
verbose: 'true'
kubernetes: {enabled: false, nodeName: 'a \"b\" #c: {d}'}
metrics:
  maxSeries: 5000
  additionalLabels: ['app=${labels:app}-x']
  probes: [softnet, tcp, {name: netdev, args: {devices: {include: ['eth*', 007]}}}]
";
    let map = ConfigMap::new(yaml)?;
    let exporter = Exporter::builder().config_dir(&map).start()?;
    let answer = exporter.get("/config")?;
    assert_eq!(answer.header("content-type"), Some("application/yaml"));
    let check = |file: &std::path::Path| {
        let mut command = std::process::Command::new(binary()?);
        command.args(["check-config", "--bind", "127.0.0.1:0"]).arg(file);
        output(&mut command)
    };
    assert_eq!(answer.body, check(&map.path())?);
    for line in ["interval: 90s\n", "        - '007'\n"] {
        ensure!(answer.body.contains(line), "{line:?} is not in {}", answer.body);
    }
    let again = ConfigMap::new(&answer.body)?;
    assert_eq!(answer.body, check(&again.path())?);
    Ok(())
}
