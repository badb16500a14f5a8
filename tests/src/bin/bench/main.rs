//! What a scrape costs: many namespaces, the exporter beside a bare reading of the same files, in
//! one run and in turn, so that the ratios hold however fast the machine is just now.

mod figures;
mod floor;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use figures::Figures;
use floor::Floor;
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::netns::Netns;
use kubeskoop_exporter_tests::lab::path::Path;
use kubeskoop_exporter_tests::lab::proc::ProcNet;
use kubeskoop_exporter_tests::lab::process::Guard;
use serde_json::Value;

const NAMESPACES: usize = 250;
const WARM_UP: usize = 3;
const SCRAPES: usize = 30;
/// Younger processes are looked at anew by every scan of the node; a node's are mostly older.
const GROWN_UP: Duration = Duration::from_secs(31);
/// The default probes but qdisc, whose cost is measured on its own.
const CONFIG: &str = "interval: 0\n\
    metrics: {probes: [tcp, udp, tcpext, netdev, conntrack, sock, softnet]}\n";
/// What the default probes of the file path read of each namespace.
const ALL_FILES: &str = "snmp,snmp6,netstat,dev,sockstat,sockstat6,stat/nf_conntrack";
/// The same without the IPv6 files: the floor that the budgets are stated against.
const BUDGET_FILES: &str = "snmp,netstat,dev,sockstat,stat/nf_conntrack";

fn main() -> Result<()> {
    println!("making {NAMESPACES} network namespaces, each with a process");
    let lab: Vec<(Netns, Guard)> = (0..NAMESPACES).map(|_| inhabited()).collect::<Result<_>>()?;
    let pids: Vec<u32> = lab.iter().map(|(_, process)| process.pid()).collect();
    ProcNet::of_pid(pids[0])
        .snmp()
        .context("the files of a namespace")?;
    let floor = Floor::compile()?;
    println!("waiting until the processes are no longer new");
    std::thread::sleep(GROWN_UP);
    for (path, name) in [(Path::Pass, "BPF pass"), (Path::Files, "files only")] {
        println!("\n=== {name}");
        compare(path, &floor, &pids)?;
    }
    Ok(())
}

/// The exporter on one path beside the floor, in turn.
fn compare(path: Path, floor: &Floor, pids: &[u32]) -> Result<()> {
    let (exporter, first_scrape) = started(path)?;
    for _ in 0..WARM_UP {
        exporter.scrape()?;
    }
    let mut figures = Figures::default();
    for _ in 0..SCRAPES {
        figures.add("floor, all files", floor.round(ALL_FILES, pids)?);
        figures.add("floor, without IPv6 files", floor.round(BUDGET_FILES, pids)?);
        measure(&exporter, "identity", &mut figures)?;
        measure(&exporter, "gzip", &mut figures)?;
    }
    let metrics = exporter.scrape()?;
    let process = |name: &str| metrics.value(name, &[]).with_context(|| name.to_owned());
    let series: f64 = metrics
        .samples("kubeskoop_exporter_series")
        .map(|sample| sample.value)
        .sum();
    let of_probe = |probe: &str| {
        metrics.value(
            "kubeskoop_exporter_probe_collect_duration_seconds",
            &[("probe", probe)],
        )
    };
    println!("\n{figures}");
    println!(
        "netdev alone took       {:.1} ms",
        of_probe("netdev").unwrap_or_default() * 1e3
    );
    println!("ratios, pair by pair:");
    for (of, to) in [
        ("collection", "floor, all files"),
        ("collection", "floor, without IPv6 files"),
        ("scrape", "floor, all files"),
        ("scrape", "floor, without IPv6 files"),
        ("scrape, gzip", "floor, all files"),
    ] {
        println!("  {of:13} / {to:26} {}", figures.ratio(of, to)?);
    }
    println!("\nnamespaces             {NAMESPACES}");
    println!("series                 {series}");
    println!(
        "exposition             {} KiB",
        exporter.get("/metrics")?.body.len() / 1024
    );
    println!(
        "resident memory        {:.1} MiB",
        process("process_resident_memory_bytes")? / f64::from(1 << 20)
    );
    println!("open files             {}", process("process_open_fds")?);
    println!("start to first scrape  {first_scrape:.0?}");
    Ok(())
}

fn inhabited() -> Result<(Netns, Guard)> {
    let netns = Netns::new("bench")?;
    let process = netns.spawn_sleeper()?;
    Ok((netns, process))
}

/// The exporter, and how long it took from its start to the end of its first scrape.
fn started(path: Path) -> Result<(Exporter, Duration)> {
    let began = Instant::now();
    let exporter = path.builder().config(CONFIG).start()?;
    let metrics = exporter.scrape()?;
    let took = began.elapsed();
    let seen = metrics.samples("kubeskoop_udp_noports").count();
    ensure!(seen > NAMESPACES, "the first scrape shows {seen} namespaces");
    Ok((exporter, took))
}

/// One scrape, as `/status` accounts for it.
fn measure(exporter: &Exporter, encoding: &str, figures: &mut Figures) -> Result<()> {
    let response = exporter.get_with("/metrics", &[("Accept-Encoding", encoding)])?;
    ensure!(response.status == 200, "status {}", response.status);
    let status: Value = serde_json::from_str(&exporter.get("/status")?.body)?;
    let cpu = |part: &str| {
        status[part]["cpu_seconds"]
            .as_f64()
            .with_context(|| format!("{part} in {status}"))
    };
    let (collection, exposition) = (cpu("collection")?, cpu("exposition")?);
    if encoding == "gzip" {
        figures.add("exposition, gzip", exposition);
        figures.add("scrape, gzip", collection + exposition);
    } else {
        figures.add("collection", collection);
        figures.add("exposition", exposition);
        figures.add("scrape", collection + exposition);
    }
    Ok(())
}
