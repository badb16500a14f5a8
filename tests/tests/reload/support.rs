//! What the tests of reloads ask an exporter.

use std::time::Duration;

use anyhow::{Context, Result};
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::wait::eventually;
use serde_json::Value;

/// Within this time a change of the file takes effect.
pub const SOON: Duration = Duration::from_secs(2);

const SUCCESSFUL: &str = "kubeskoop_exporter_config_last_reload_successful";
const SUCCESS_TIME: &str = "kubeskoop_exporter_config_last_reload_success_timestamp_seconds";

/// A file that names the node and nothing else.
pub fn node(name: &str) -> String {
    format!("kubernetes:\n  nodeName: {name}\n")
}

/// Waits until `/config` has `line`.
pub fn wait_for_config(exporter: &Exporter, line: &str) -> Result<()> {
    eventually(SOON, || has_line(exporter, line)).with_context(|| {
        let log = exporter.log();
        format!("{line:?} is not in force, log:\n{log}")
    })
}

/// Whether `/config` has `line` now.
pub fn has_line(exporter: &Exporter, line: &str) -> Result<bool> {
    Ok(exporter.get("/config")?.body.lines().any(|it| it == line))
}

/// What `/metrics` says of the last reload: whether it succeeded, and when one did.
pub fn last_reload(exporter: &Exporter) -> Result<(bool, f64)> {
    let metrics = exporter.scrape()?;
    let successful = metrics.value(SUCCESSFUL, &[]).context(SUCCESSFUL)?;
    let time = metrics.value(SUCCESS_TIME, &[]).context(SUCCESS_TIME)?;
    Ok((successful > 0.0, time))
}

/// `/status`.
pub fn status(exporter: &Exporter) -> Result<Value> {
    let body = exporter.get("/status")?.body;
    serde_json::from_str(&body).with_context(|| format!("/status: {body}"))
}

/// The node that `/metrics` names.
pub fn node_label(exporter: &Exporter) -> Result<String> {
    let metrics = exporter.scrape()?;
    let sample = metrics.matching("kubeskoop_tcp_insegs", &[("netns", "")]);
    let label = sample.first().and_then(|sample| sample.label("k8s_node"));
    label
        .map(str::to_owned)
        .context("no kubeskoop_tcp_insegs of the host")
}
