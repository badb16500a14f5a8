//! The kernel's memory of TCP sockets: true numbers, and the reason where it may not be read.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use kubeskoop_exporter_tests::lab::command::output;
use kubeskoop_exporter_tests::lab::exporter::{Exporter, binary};
use serde_json::Value;

const CONFIG: &str = "interval: 0\nmetrics: {probes: [slab]}\n";
const TABLE: &str = "/proc/slabinfo";

/// The metrics in the order of the columns.
const COLUMNS: [&str; 5] = ["objactive", "objnum", "objsize", "objperslab", "pagesperslab"];

/// The words that run a command as nobody without any capability.
const AS_NOBODY: [&str; 6] = [
    "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
    "--inh-caps=-all",
    "--bounding-set=-all",
];

/// The columns of the cache of TCP sockets; none where the kernel has no such table.
fn columns() -> Result<Option<Vec<u64>>> {
    let Ok(table) = fs::read_to_string(TABLE) else {
        return Ok(None);
    };
    let Some(row) = table.lines().find_map(|line| line.strip_prefix("TCP ")) else {
        return Ok(None);
    };
    let words = row.split_whitespace().take(COLUMNS.len());
    Ok(Some(words.map(str::parse).collect::<Result<_, _>>()?))
}

#[test]
fn every_column_is_exported_with_the_label_of_the_node_alone() -> Result<()> {
    let exporter = Exporter::builder().config(CONFIG).start()?;
    for _ in 0..50 {
        let before = columns()?;
        let metrics = exporter.scrape()?;
        if before != columns()? {
            continue;
        }
        let Some(expected) = before else {
            println!("SKIP: {TABLE} has no cache of TCP sockets here");
            return Ok(());
        };
        for (name, expected) in COLUMNS.iter().zip(expected) {
            let family = metrics
                .family(&format!("kubeskoop_slab_tcpslab{name}"))
                .with_context(|| format!("no {name}"))?;
            let [sample] = &family.samples[..] else {
                bail!("{:?}", family.samples)
            };
            assert_eq!(sample.raw, expected.to_string(), "{name}");
            assert_eq!(sample.labels.keys().collect::<Vec<_>>(), ["k8s_node"]);
        }
        return Ok(());
    }
    bail!("the number of TCP sockets was never the same for a moment")
}

#[test]
fn who_may_not_read_it_is_told_what_is_missing() -> Result<()> {
    // Anybody can enter this directory; the workspace may be closed to others.
    let directory = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o755))
        .tempdir()?;
    let (program, config) = (directory.path().join("exporter"), directory.path().join("config"));
    output(Command::new("cp").arg(binary()?).arg(&program))?;
    fs::write(&config, CONFIG)?;
    let mut list = Command::new(AS_NOBODY[0]);
    list.args(&AS_NOBODY[1..])
        .arg(&program)
        .args(["list", "probes", "--output", "json", "--config"])
        .arg(&config);
    let listed: Vec<Value> = serde_json::from_str(&output(&mut list)?)?;
    let slab = listed.iter().find(|probe| probe["name"] == "slab");
    let slab = slab.context("no slab")?;
    if Path::new(TABLE).exists() {
        assert_eq!(slab["state"], "failed");
        let reason = slab["reason"].as_str().unwrap_or_default();
        ensure!(
            reason.starts_with(TABLE) && reason.contains("CAP_DAC_READ_SEARCH"),
            "{slab}"
        );
    } else {
        assert_eq!(slab["state"], "not_applicable");
    }
    Ok(())
}
