//! The documents against the program they speak of.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::command::output;
use kubeskoop_exporter_tests::lab::exporter::binary;
use kubeskoop_exporter_tests::lab::tools::workspace_root;
use serde_json::Value;

/// What the names of metrics begin with, except those that every exporter has.
const PREFIX: &str = "kubeskoop_";

#[test]
fn the_page_of_metrics_is_what_the_program_prints() -> Result<()> {
    compare("metrics")
}

#[test]
fn the_page_of_the_configuration_is_what_the_program_prints() -> Result<()> {
    compare("config")
}

#[test]
fn documents_name_only_metrics_that_exist() -> Result<()> {
    let metrics = metrics()?;
    let exists = |name: &str| match name.strip_suffix('_') {
        // A family of names, written `kubeskoop_tcp_*`.
        Some(_) => metrics.iter().any(|metric| metric.starts_with(name)),
        None => metrics.contains(name),
    };
    let mut named = 0;
    for document in documents()? {
        let text =
            fs::read_to_string(&document).with_context(|| format!("cannot read {}", document.display()))?;
        for name in names(&text) {
            named += 1;
            ensure!(exists(name), "{} names {name}", document.display());
        }
    }
    // The page of metrics names each of them.
    let all = metrics.iter().filter(|metric| metric.starts_with(PREFIX)).count();
    ensure!(named >= all, "only {named} names have been found");
    Ok(())
}

#[test]
fn the_page_of_metrics_says_of_every_histogram_what_it_measures() -> Result<()> {
    let file = workspace_root()?.join("docs/metrics.md");
    let page = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let histograms: Vec<String> = list()?
        .iter()
        .filter(|metric| metric["type"] == "histogram")
        .filter_map(|metric| Some(metric["name"].as_str()?.to_owned()))
        .collect();
    ensure!(!histograms.is_empty(), "no histogram is listed");
    for histogram in histograms {
        let (_, paragraph) = page
            .split_once(&format!("\n### `{histogram}`\n"))
            .with_context(|| format!("nothing is said of {histogram}"))?;
        let paragraph = paragraph.split("\n#").next().unwrap_or_default();
        for what in ["From, to", "Contains", "Leaves out", "Needs", "Cost"] {
            let said = paragraph
                .lines()
                .find_map(|line| line.strip_prefix(&format!("- {what}: ")));
            ensure!(
                said.is_some_and(|it| it.len() > 10),
                "{histogram}: {what}: {said:?}"
            );
        }
    }
    Ok(())
}

#[test]
fn names_end_where_no_letter_of_theirs_follows() {
    let text = "`kubeskoop_tcp_insegs{k8s_pod=\"\"}`, rate(kubeskoop_udp_noports[5m]) and kubeskoop_ip_*";
    assert_eq!(
        names(text).collect::<Vec<_>>(),
        ["kubeskoop_tcp_insegs", "kubeskoop_udp_noports", "kubeskoop_ip_"]
    );
    assert_eq!(names("the crate kubeskoop-exporter").count(), 0);
}

fn compare(page: &str) -> Result<()> {
    let file = workspace_root()?.join(format!("docs/{page}.md"));
    let committed = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let printed = output(Command::new(binary()?).args(["docs", page]))?;
    let differing = (1..)
        .zip(committed.lines().zip(printed.lines()))
        .find(|(_, (committed, printed))| committed != printed);
    ensure!(
        committed == printed,
        "{} is not what the program prints: run make docs\nthe first line that differs: {differing:#?}",
        file.display()
    );
    Ok(())
}

/// `README.md`, if there is one, and everything in `docs`.
fn documents() -> Result<Vec<PathBuf>> {
    let root = workspace_root()?;
    let mut documents = vec![root.join("README.md")];
    documents.retain(|readme| readme.is_file());
    for entry in fs::read_dir(root.join("docs")).context("cannot list docs")? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "md") {
            documents.push(path);
        }
    }
    Ok(documents)
}

/// The names of all metrics there are.
fn metrics() -> Result<BTreeSet<String>> {
    list()?
        .iter()
        .map(|metric| {
            let name = metric["name"]
                .as_str()
                .with_context(|| format!("no name: {metric}"))?;
            Ok(name.to_owned())
        })
        .collect()
}

/// What the program says of each metric.
fn list() -> Result<Vec<Value>> {
    let listed = output(Command::new(binary()?).args(["list", "metrics", "--output", "json"]))?;
    Ok(serde_json::from_str(&listed)?)
}

/// The names of metrics in a text.
fn names(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices(PREFIX).map(|(start, _)| {
        let rest = &text[start..];
        let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        &rest[..end.unwrap_or(rest.len())]
    })
}
