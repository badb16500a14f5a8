//! What the exporter makes of the proc trees in `fixtures/proc`, byte by byte.
//!
//! `UPDATE_GOLDEN=1 cargo test -p kubeskoop-exporter-tests --test golden` writes the golden files
//! anew; what changes in them is for review.

use std::path::PathBuf;
use std::{env, fs};

use anyhow::{Context, Result, bail, ensure};
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::tools::workspace_root;

#[path = "golden/diff.rs"]
mod diff;

/// Every probe that is built, on a plain host, but qdisc and tcpsummary: the namespaces of a fixture cannot be
/// entered.
const CONFIG: &str = "\
kubernetes:
  enabled: false
  nodeName: fixture
metrics:
  probes:
    - name: netdev
    - name: tcp
    - name: udp
    - name: ip
    - name: tcpext
    - name: sock
    - name: softnet
    - name: conntrack
    - name: ipvs
    - name: slab
    - name: io
    - name: fd
";

#[test]
fn a_modern_kernel_is_exported_as_the_golden_file_says() -> Result<()> {
    check("modern")
}

/// Nothing says 0 for what this kernel does not count: such a metric has no series.
#[test]
fn a_kernel_without_ipv6_and_conntrack_is_exported_as_the_golden_file_says() -> Result<()> {
    check("old")
}

/// A golden file written anew says whatever the exporter says; these say what is right.
#[test]
fn numbers_worked_out_by_hand_are_exported() -> Result<()> {
    const HOST: &str = "";
    const POD: &str = "146c98c5db7e";
    const FLOOD: &str = "aa1a715d3392";
    const NEWER_KERNEL: &str = "ns4026532555";
    let seen = scrape("modern")?;
    for (metric, netns, number) in [
        // What a float of 64 bits cannot hold is written in full.
        ("tcp_insegs", FLOOD, u64::MAX),
        ("tcp_outsegs", FLOOD, u64::MAX - 5),
        ("tcp_currestab", FLOOD, (1 << 53) + 1),
        // IPv4 and IPv6 add up, and wrap as the kernel's own counters do.
        ("udp_outdatagrams", HOST, 7_158_504 + 983_055),
        ("sock_inuse", POD, 48 + 12),
        ("udp_noports", FLOOD, 0),
        ("udp_indatagrams", FLOOD, 4),
        // Hardware devices of the host; of others every device but lo.
        ("netdev_rxbytes", HOST, 5_932_719_488 + 1_163_924_135),
        ("netdev_txpackets", NEWER_KERNEL, 23_165 + 1_307),
        ("netdev_rxdropped", FLOOD, 3),
        // 128 CPUs, each counting with 32 bits.
        ("softnet_processed", HOST, 299_574_492_179),
        // The CPU n has found 2^32 - 1 - n.
        ("conntrack_found", HOST, 128 * 0xffff_ffff - 127 * 128 / 2),
        // Every CPU repeats the entries of the table.
        ("conntrack_entries", HOST, 0x1f3a7),
        // Past the 32 bits of older kernels.
        ("ipvs_incomingpackets", HOST, 0x1_a2b3_c4d5),
    ] {
        let labels = format!(r#"k8s_node="fixture",k8s_namespace="",k8s_pod="",netns="{netns}""#);
        let line = format!("kubeskoop_{metric}{{{labels}}} {number}");
        ensure!(seen.lines().any(|it| it == line), "the scrape has no {line}");
    }
    // The machine has no pod and no network namespace.
    let line = r#"kubeskoop_slab_tcpslabobjnum{k8s_node="fixture"} 131001"#;
    ensure!(seen.lines().any(|it| it == line), "the scrape has no {line}");
    Ok(())
}

/// Compares what the exporter says of a fixture with its golden file.
fn check(fixture: &str) -> Result<()> {
    let seen = scrape(fixture)?;
    let file = directory("golden")?.join(format!("{fixture}.txt"));
    if env::var_os("UPDATE_GOLDEN").is_some() {
        return fs::write(&file, seen).with_context(|| format!("cannot write {}", file.display()));
    }
    let expected = fs::read_to_string(&file)
        .with_context(|| format!("cannot read {}: UPDATE_GOLDEN=1 writes it", file.display()))?;
    if seen != expected {
        bail!(
            "the scrape (+) is not {} (-):\n{}",
            file.display(),
            diff::lines(&expected, &seen)
        );
    }
    Ok(())
}

/// The stable lines of a scrape of an exporter that runs over a fixture.
fn scrape(fixture: &str) -> Result<String> {
    let tree = directory("fixtures/proc")?.join(fixture);
    let exporter = Exporter::builder()
        .config(CONFIG)
        .args(["--procfs".into(), tree.into_os_string()])
        .env("POD_UID", "")
        .start()?;
    let response = exporter.get("/metrics")?;
    ensure!(response.status == 200, "{}: {}", response.status, response.body);
    Ok(response.body.split_inclusive('\n').filter(is_stable).collect())
}

/// Whether a line is the same in every scrape of one tree. HELP and TYPE are.
fn is_stable(line: &&str) -> bool {
    let name = line.split(['{', ' ']).next().unwrap_or_default();
    !(name.starts_with("process_")
        || name.ends_with("_duration_seconds")
        || name.ends_with("_timestamp_seconds")
        || name == "kubeskoop_exporter_build_info")
}

/// A directory of this crate.
fn directory(name: &str) -> Result<PathBuf> {
    Ok(workspace_root()?.join("tests").join(name))
}
