//! Every histogram there is, as the contract names it.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::command::output;
use kubeskoop_exporter_tests::lab::exporter::{Exporter, binary};
use kubeskoop_exporter_tests::lab::histogram::Histogram;
use kubeskoop_exporter_tests::lab::metrics::Kind;
use kubeskoop_exporter_tests::lab::tools::workspace_root;
use serde_json::Value;

const CONFIG: &str =
    "metrics: {probes: [virtcmdlatency, softirq, netiftxlat, socketlatency, kernellatency]}\n";
/// What the contract says of a metric of the machine, of which there are always all buckets.
const OF_MACHINE: &str = "node";

/// Name, probe and scope of each histogram in the contract.
fn contract() -> Result<Vec<[String; 3]>> {
    let file = workspace_root()?.join("tests/contract/metrics.tsv");
    let table = std::fs::read_to_string(file)?;
    let mut histograms = Vec::new();
    for line in table.lines() {
        let columns: Vec<&str> = line.split('\t').collect();
        if columns.get(1) == Some(&"histogram") {
            let column = |at: usize| columns.get(at).map(|it| (*it).to_owned()).context("a short line");
            histograms.push([column(0)?, column(4)?, column(3)?]);
        }
    }
    Ok(histograms)
}

/// Edges of a histogram as `list metrics` has them.
fn listed(name: &str) -> Result<BTreeSet<String>> {
    let text = output(Command::new(binary()?).args(["list", "metrics", "--output", "json"]))?;
    let rows: Vec<Value> = serde_json::from_str(&text)?;
    let row = rows
        .iter()
        .find(|row| row["name"] == name)
        .context("not listed")?;
    let buckets = row["buckets"].as_array().context("no buckets")?;
    Ok(buckets
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect())
}

#[test]
fn every_series_of_every_histogram_has_the_edges_rises_and_ends_with_its_count() -> Result<()> {
    let exporter = Exporter::builder().config(CONFIG).start()?;
    exporter.wait_for_probes()?;
    let metrics = exporter.scrape()?;
    let contract = contract()?;
    ensure!(contract.len() >= 9, "{contract:?}");
    for [name, probe, scope] in &contract {
        let status = exporter.probe_status(probe)?;
        if status["state"] == "not_applicable" {
            println!(
                "skipped: {name}: {probe} does not apply here: {}",
                status["reason"]
            );
            // Only commands to a virtio device, which not every machine has.
            assert_eq!(probe, "virtcmdlatency", "{status}");
            continue;
        }
        let family = metrics.family(name).with_context(|| format!("no {name}"))?;
        assert_eq!(family.kind, Kind::Histogram, "{name}");
        let mut series = 0;
        for sample in metrics.samples(&format!("{name}_count")) {
            let labels: Vec<(&str, &str)> = sample
                .labels
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            let histogram = Histogram::read(&metrics, name, &labels)?;
            assert_eq!(histogram.is_full(), scope == OF_MACHINE, "{name}: {histogram:?}");
            series += 1;
        }
        ensure!(series > 0, "{name} has no series");
        let buckets = format!("{name}_bucket");
        let edges: BTreeSet<&str> = metrics
            .samples(&buckets)
            .filter_map(|it| it.label("le"))
            .collect();
        let mut listed = listed(name)?;
        listed.insert("+Inf".to_owned());
        ensure!(
            edges == listed.iter().map(String::as_str).collect(),
            "{name}: {edges:?} {listed:?}"
        );
    }
    Ok(())
}

#[test]
fn no_histogram_is_exported_that_the_contract_does_not_name() -> Result<()> {
    let named: BTreeSet<String> = contract()?.into_iter().map(|[name, ..]| name).collect();
    let exporter = Exporter::builder().config(CONFIG).start()?;
    exporter.wait_for_probes()?;
    let metrics = exporter.scrape()?;
    let families = metrics.families().iter();
    for family in families.filter(|it| it.kind == Kind::Histogram) {
        ensure!(named.contains(&family.name), "{}", family.name);
    }
    Ok(())
}
