//! `list`, `version` and `--help`.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::exporter::binary;
use kubeskoop_exporter_tests::lab::netns::Netns;
use serde_json::Value;

use crate::run::{ended_into, exporter};

fn json(arguments: &[&str]) -> Result<Vec<Value>> {
    let output = exporter(arguments.iter().chain(&["-o", "json"]))?.success()?;
    let rows: Value = serde_json::from_str(&output).with_context(|| output.clone())?;
    rows.as_array().cloned().context("no list")
}

fn names(rows: &[Value]) -> Result<BTreeSet<String>> {
    rows.iter()
        .map(|row| {
            let name = row["name"].as_str().map(str::to_owned);
            name.with_context(|| format!("no name in {row}"))
        })
        .collect()
}

/// The first words of the lines of a table, its head left out.
fn first_column(table: &str, head: &str) -> Result<BTreeSet<String>> {
    let mut lines = table.lines();
    let first = lines.next().unwrap_or_default();
    ensure!(first.starts_with(head), "{first}");
    Ok(lines
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect())
}

#[test]
fn probes_are_listed_with_their_state() -> Result<()> {
    let rows = json(&["list", "probes", "--no-bpf"])?;
    let table = exporter(["list", "probes", "--no-bpf"])?.success()?;
    assert_eq!(first_column(&table, "PROBE  ")?, names(&rows)?);
    let row = |name: &str| {
        rows.iter()
            .find(|row| row["name"] == name)
            .context(name.to_owned())
    };
    let tcp = row("tcp")?;
    assert_eq!(
        (
            tcp["enabled"].as_bool(),
            tcp["state"].as_str(),
            tcp["source"].as_str()
        ),
        (Some(true), Some("up"), Some("procfs"))
    );
    ensure!(tcp["series"].as_u64().is_some_and(|series| series >= 10), "{tcp}");
    let ip = row("ip")?;
    assert_eq!(
        (ip["enabled"].as_bool(), ip["state"].as_str()),
        (Some(false), Some("off"))
    );
    Ok(())
}

#[test]
fn a_probe_that_is_switched_off_is_listed_as_off() -> Result<()> {
    let rows = json(&["list", "probes", "--without-probe", "tcp"])?;
    let tcp = rows.iter().find(|row| row["name"] == "tcp").context("no tcp")?;
    assert_eq!(tcp["state"], "off");
    Ok(())
}

#[test]
fn metrics_are_listed_with_what_they_mean() -> Result<()> {
    let rows = json(&["list", "metrics"])?;
    let table = exporter(["list", "metrics"])?.success()?;
    assert_eq!(first_column(&table, "METRIC  ")?, names(&rows)?);
    for row in &rows {
        for field in ["type", "scope", "probe", "unit", "source", "help"] {
            let text = row[field].as_str().unwrap_or_default();
            ensure!(!text.is_empty(), "{field} of {row}");
        }
        ensure!(row["labels"].is_array(), "{row}");
    }
    let segments = rows
        .iter()
        .find(|row| row["name"] == "kubeskoop_tcp_insegs")
        .context("no kubeskoop_tcp_insegs")?;
    assert_eq!(
        (segments["type"].as_str(), segments["probe"].as_str()),
        (Some("counter"), Some("tcp"))
    );
    Ok(())
}

#[test]
fn entities_are_listed_by_their_namespaces() -> Result<()> {
    let netns = Netns::new("listed")?;
    let _sleeper = netns.spawn_sleeper()?;
    let rows = json(&["list", "entities"])?;
    let hosts = rows.iter().filter(|row| row["kind"] == "host").count();
    assert_eq!(hosts, 1);
    let own = rows.iter().find(|row| row["netns"] == netns.name());
    let own = own.with_context(|| format!("{} is not in {rows:?}", netns.name()))?;
    assert_eq!(own["kind"], "other");
    assert_eq!(own["inode"].as_u64(), Some(netns.inode()?));
    assert_eq!(own["processes"], 1);

    let table = exporter(["list", "entities"])?.success()?;
    ensure!(table.starts_with("KIND  "), "{table}");
    let line = table.lines().find(|line| line.contains(netns.name()));
    ensure!(
        line.is_some_and(
            |line| line.starts_with("other ") && line.contains(&netns.inode().unwrap_or(0).to_string())
        ),
        "{table}"
    );
    Ok(())
}

#[test]
fn the_version_says_what_was_built() -> Result<()> {
    let version = exporter(["version"])?.success()?;
    let words: Vec<_> = version.split_whitespace().collect();
    ensure!(
        words.len() >= 4 && words[0] == "kubeskoop-exporter" && version.contains("rustc "),
        "{version}"
    );
    let short = exporter(["--version"])?.success()?;
    assert_eq!(short, format!("{} {}\n", words[0], words[1]));
    Ok(())
}

#[test]
fn help_names_commands_flags_and_exit_statuses() -> Result<()> {
    let help = exporter(["--help"])?.success()?;
    for word in [
        "serve",
        "check-config",
        "list",
        "version",
        "--config",
        "--bind",
        "--without-probe",
        "--no-bpf",
        "--procfs",
        "/etc/config/config.yaml",
        "Exit status:",
    ] {
        ensure!(help.contains(word), "{word} is not in {help}");
    }
    Ok(())
}

/// As `list metrics | head -1` has it.
#[test]
fn a_reader_that_goes_away_is_no_failure() -> Result<()> {
    let (reader, writer) = std::io::pipe()?;
    drop(reader);
    let mut command = Command::new(binary()?);
    command.args(["list", "metrics", "-o", "json"]);
    assert_eq!(ended_into(&mut command, writer)?, (Some(0), String::new()));
    Ok(())
}
