//! The exporter against the contract of its metrics, `contract/metrics.tsv`.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs::{self, File};
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use kubeskoop_exporter_tests::lab::command::output;
use kubeskoop_exporter_tests::lab::exporter::{Exporter, binary};
use kubeskoop_exporter_tests::lab::metrics::{Family, Kind, Metrics};
use kubeskoop_exporter_tests::lab::netns::Netns;
use kubeskoop_exporter_tests::lab::proc::ProcNet;
use kubeskoop_exporter_tests::lab::tools::{promtool, workspace_root};
use kubeskoop_exporter_tests::lab::wait::eventually;
use serde_json::Value;
use table::{Contract, NOT_BUILT, PROBES, Row, set_of};

#[path = "contract/kernel.rs"]
mod kernel;
#[path = "contract/table.rs"]
mod table;

/// How long other tests may go on making and deleting namespaces.
const QUIET: Duration = Duration::from_secs(20);

/// A metric of which the kernel shows no column must be absent, and may be absent for no other reason.
#[test]
fn every_metric_has_the_series_that_the_contract_says() -> Result<()> {
    let contract = Contract::read()?;
    let netns = Netns::new("contract")?;
    let _inhabitant = netns.spawn_sleeper()?;
    let exporter = exporter()?;
    // A namespace may go between the scan of the machine and the read of a file.
    let mut wrong = String::new();
    let done = eventually(QUIET, || {
        wrong = wrong_series(&contract, &exporter.scrape()?, &netns)?;
        Ok(wrong.is_empty())
    });
    done.with_context(|| format!("metrics of the contract:\n{wrong}"))
}

#[test]
fn nothing_is_exported_that_is_not_in_the_contract() -> Result<()> {
    let contract = Contract::read()?;
    let netns = Netns::new("beyond")?;
    let _inhabitant = netns.spawn_sleeper()?;
    let metrics = exporter()?.scrape()?;
    let mut wrong = String::new();
    for family in metrics.families() {
        match contract.find(&family.name).filter(|row| row.is_built()) {
            Some(row) => compare(row, family, &mut wrong)?,
            None => writeln!(wrong, "{} is not in it", family.name)?,
        }
    }
    ensure!(wrong.is_empty(), "families beside the contract:\n{wrong}");
    Ok(())
}

#[test]
fn what_is_not_built_is_in_the_contract_and_not_exported() -> Result<()> {
    let contract = Contract::read()?;
    let metrics = exporter()?.scrape()?;
    for (name, reason) in NOT_BUILT {
        ensure!(contract.find(name).is_some(), "{name} is not in the contract");
        ensure!(
            metrics.family(name).is_none(),
            "{name} is there, so it is not so that {reason}"
        );
    }
    Ok(())
}

#[test]
fn what_is_listed_agrees_with_the_contract() -> Result<()> {
    let contract = Contract::read()?;
    let listed = output(Command::new(binary()?).args(["list", "metrics", "--output", "json"]))?;
    let listed: Vec<Value> = serde_json::from_str(&listed)?;
    let mut names = BTreeSet::new();
    for metric in &listed {
        let name = text(metric, "name")?;
        ensure!(names.insert(name), "{name} is listed twice");
        let row = contract
            .find(name)
            .with_context(|| format!("{name} is not in the contract"))?;
        let labels = metric["labels"].as_array().context("labels")?;
        ensure!(text(metric, "type")? == row.kind, "{name}: {metric} {row:?}");
        ensure!(text(metric, "scope")? == row.scope, "{name}: {metric} {row:?}");
        ensure!(text(metric, "probe")? == row.probe, "{name}: {metric} {row:?}");
        ensure!(
            set_of(labels.iter().filter_map(Value::as_str)) == row.labels,
            "{name}: {metric} {row:?}"
        );
        ensure!(
            row.unit.is_empty() || text(metric, "unit")? == row.unit,
            "{name}: {metric} {row:?}"
        );
    }
    let built: BTreeSet<&str> = contract.built().map(|row| row.name.as_str()).collect();
    ensure!(
        names == built,
        "listed and not to be built: {:#?}\nto be built and not listed: {:#?}",
        &names - &built,
        &built - &names
    );
    Ok(())
}

/// `contract/promtool-findings.txt` has what promtool says of names that the contract fixes.
#[test]
fn promtool_finds_what_is_known_and_nothing_else() -> Result<()> {
    let contract = Contract::read()?;
    let exporter = exporter()?;
    let scrape = exporter.get("/metrics")?.body;
    let metrics = Metrics::parse(&scrape)?;
    let found = findings(&scrape)?;

    let file = workspace_root()?.join("tests/contract/promtool-findings.txt");
    let known = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut expected = BTreeSet::new();
    for line in known.lines() {
        let name = line.split(' ').next().unwrap_or_default();
        let row = contract
            .find(name)
            .with_context(|| format!("not in the contract: {line}"))?;
        ensure!(row.is_built(), "not built: {line}");
        // What this kernel does not count promtool has not seen; that it does not is another test.
        if metrics.family(name).is_some() {
            expected.insert(line.to_owned());
        }
    }
    ensure!(
        found == expected,
        "found and not known: {:#?}\nknown and not found: {:#?}",
        &found - &expected,
        &expected - &found
    );
    Ok(())
}

/// An exporter of all probes on a plain host that collects at every scrape.
fn exporter() -> Result<Exporter> {
    let mut config =
        "interval: 0\nbpfStats: true\nkubernetes:\n  enabled: false\nmetrics:\n  probes:\n".to_owned();
    for probe in PROBES {
        writeln!(config, "    - name: {probe}")?;
    }
    Exporter::builder().config(&config).start()
}

/// What is wrong with the series of the metrics that are built, a line each.
fn wrong_series(contract: &Contract, metrics: &Metrics, netns: &Netns) -> Result<String> {
    let mut namespaces = 0;
    for sample in metrics.samples("kubeskoop_exporter_network_namespaces") {
        namespaces += sample.raw.parse::<usize>()?;
    }
    let mut wrong = String::new();
    for row in contract.built() {
        let name = &row.name;
        let is_counted = if row.is_of_probe() {
            kernel::counts(&ProcNet::of(netns), metrics, row)?
        } else {
            row.is_of_plain_host()
        };
        let family = match (metrics.family(name), is_counted) {
            (Some(family), true) => family,
            (None, false) => continue,
            (None, true) => {
                writeln!(wrong, "{name} is missing")?;
                continue;
            }
            (Some(_), false) => {
                writeln!(
                    wrong,
                    "{name} is there, which this kernel or a plain host has not"
                )?;
                continue;
            }
        };
        compare(row, family, &mut wrong)?;
        // Of a histogram its counts stand for its series; types are told apart by further labels.
        let counted = match family.kind {
            Kind::Histogram => format!("{name}_count"),
            _ => name.clone(),
        };
        let types = match name.as_str() {
            "kubeskoop_tcpreset_total" => 4,
            _ if row.labels.contains("softirq_type") => 2,
            _ => 1,
        };
        let owned_by = |label: &str| {
            let labels = [("k8s_pod", ""), ("netns", label)];
            metrics.matching(&counted, &labels).len() / types
        };
        let series = metrics.samples(&counted).count() / types;
        match row.scope.as_str() {
            _ if row.is_by_reason() => {}
            // That its labels are those of the contract has been compared.
            "node" if row.is_of_probe() && series != 1 => {
                writeln!(wrong, "{name}: {series} series instead of the node's one")?;
            }
            "node" if row.labels.contains("k8s_pod") && owned_by("") != 1 => {
                writeln!(wrong, "{name}: its series is not the node's")?;
            }
            "pod+node" if (owned_by(""), owned_by(netns.name())) != (1, 1) => {
                writeln!(wrong, "{name}: not one series for host and namespace each")?;
            }
            "pod+node" if series != namespaces => {
                writeln!(wrong, "{name}: {series} series for {namespaces} namespaces")?;
            }
            _ => {}
        }
    }
    Ok(wrong)
}

/// Writes a line for what a family has other than the contract says: its type, the labels of a series.
fn compare(row: &Row, family: &Family, wrong: &mut String) -> Result<()> {
    let name = &row.name;
    let kind = match family.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
        Kind::Summary => "summary",
        Kind::Untyped => "untyped",
    };
    if kind != row.kind {
        writeln!(wrong, "{name} is a {kind}, not a {}", row.kind)?;
    }
    let expected = row.labels_on_a_plain_host();
    for sample in &family.samples {
        let of_bucket = if sample.name.ends_with("_bucket") {
            "le"
        } else {
            ""
        };
        let own = sample.labels.keys().map(String::as_str);
        let labels = set_of(own.filter(|label| *label != of_bucket));
        if labels != expected {
            writeln!(wrong, "{name} has the labels {labels:?}, not {expected:?}")?;
        }
    }
    Ok(())
}

fn text<'a>(metric: &'a Value, key: &str) -> Result<&'a str> {
    metric[key]
        .as_str()
        .with_context(|| format!("no {key}: {metric}"))
}

/// What `promtool check metrics` says of a scrape, a line each.
fn findings(scrape: &str) -> Result<BTreeSet<String>> {
    const FINDINGS: i32 = 3;
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("scrape");
    fs::write(&file, scrape)?;
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(promtool("2.42")?)
        .args(["check", "metrics"])
        .stdin(File::open(&file)?)
        .output()
        .context("cannot run promtool")?;
    let said = String::from_utf8([stdout, stderr].concat())?;
    if !matches!(status.code(), Some(0 | FINDINGS)) {
        bail!("promtool: {status}: {said}");
    }
    Ok(said.lines().map(str::to_owned).collect())
}
