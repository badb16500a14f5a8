//! A scrape of many namespaces on both paths, beside a bare reading of the same files.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::path::Path;
use kubeskoop_exporter_tests::lab::proc::ProcNet;

use crate::cost::{self, DEFAULT_PROBES};
use crate::figures::Figures;
use crate::floor::Floor;
use crate::node::{self, NAMESPACES};
use crate::{footprint, passes};

const TURNS: usize = 30;
/// What the default probes of the file path read of each namespace.
const ALL_FILES: &str = "snmp,snmp6,netstat,dev,sockstat,sockstat6,stat/nf_conntrack";
/// The same without the IPv6 files: the floor that the budgets are stated against.
const BUDGET_FILES: &str = "snmp,netstat,dev,sockstat,stat/nf_conntrack";
/// The one file of each namespace that is read with the pass, too.
const DEV: &str = "dev";

/// Both paths, one after the other.
pub fn run() -> Result<()> {
    let lab = node::inhabited(NAMESPACES)?;
    let pids: Vec<u32> = lab.iter().map(|(_, process)| process.pid()).collect();
    ProcNet::of_pid(pids[0])
        .snmp()
        .context("the files of a namespace")?;
    let floor = Floor::compile()?;
    node::grow_up();
    for (path, name) in [(Path::Pass, "with the BPF passes"), (Path::Files, "files only")] {
        println!("\n--- {name}");
        compare(path, &floor, &pids)?;
    }
    Ok(())
}

/// The exporter on one path beside the floor, in turn.
fn compare(path: Path, floor: &Floor, pids: &[u32]) -> Result<()> {
    let first_scrape = first_scrape(path)?;
    let exporter = cost::exporter(path, DEFAULT_PROBES)?;
    let mut figures = Figures::default();
    for _ in 0..TURNS {
        figures.add("floor, all files", floor.round(ALL_FILES, pids)?);
        figures.add("floor", floor.round(BUDGET_FILES, pids)?);
        figures.add("floor, dev alone", floor.round(DEV, pids)?);
        measure(&exporter, &mut figures)?;
    }
    if path == Path::Pass {
        let passes = passes::Passes::compile()?;
        for (over, what) in [
            (passes::Over::Tasks, "task pass"),
            (passes::Over::Files, "file pass"),
        ] {
            passes.measure(&exporter, over, what, TURNS, &mut figures)?;
        }
    }
    cost::of_dearest_probes(path, TURNS, &mut figures)?;
    println!("{figures}");
    println!("ratios, turn by turn:");
    for (of, to, budget) in [
        ("scrape", "floor", if path == Path::Pass { "0.5" } else { "1.5" }),
        ("scrape, gzip", "floor", ""),
        ("scrape", "floor, all files", ""),
        ("collection", "floor", ""),
    ] {
        println!("  {of:12} / {to:16} {}  {budget}", figures.ratio(of, to)?);
    }
    let series: f64 = exporter
        .scrape()?
        .samples("kubeskoop_exporter_series")
        .map(|sample| sample.value)
        .sum();
    println!("\nseries                   {series}");
    println!("start to first scrape    {first_scrape:.0?}, budget 1 s");
    footprint::print(&exporter)
}

/// How long it takes from the start of the exporter to the end of its first scrape.
fn first_scrape(path: Path) -> Result<Duration> {
    let began = Instant::now();
    let exporter = path.builder().config(&cost::config(DEFAULT_PROBES)).start()?;
    let metrics = exporter.scrape()?;
    let took = began.elapsed();
    let seen = metrics.samples("kubeskoop_udp_noports").count();
    ensure!(seen > NAMESPACES, "the first scrape shows {seen} namespaces");
    Ok(took)
}

fn measure(exporter: &Exporter, figures: &mut Figures) -> Result<()> {
    let plain = cost::scrape(exporter, &[])?;
    figures.add("collection", plain.collection);
    figures.add("exposition", plain.exposition);
    figures.add("scrape", plain.scrape());
    let packed = cost::scrape(exporter, &[("Accept-Encoding", "gzip")])?;
    figures.add("scrape, gzip", packed.scrape());
    Ok(())
}
