//! The probes whose BPF programs count by themselves: how long they take to load, what they hold, and
//! what an event costs.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::configmap::ConfigMap;
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::netns::Netns;
use kubeskoop_exporter_tests::lab::path::Path;
use kubeskoop_exporter_tests::lab::traffic;

use crate::figures::Figures;
use crate::node::{self, NAMESPACES};
use crate::{cost, footprint, programs};

const PROBES: [&str; 8] = [
    "packetloss",
    "tcpreset",
    "tcpretrans",
    "softirq",
    "netiftxlat",
    "socketlatency",
    "kernellatency",
    "virtcmdlatency",
];
const NOT_BY_DEFAULT: &str = "softirq, netiftxlat, socketlatency, kernellatency";
/// What has the passes loaded and nothing else.
const LEAST_PROBE: &str = "udp";
const TURNS: usize = 10;
const LOADED_WITHIN: f64 = 0.3;

const DATAGRAMS: usize = 50_000;
const CONNECTIONS: usize = 2000;
const BYTES: usize = 64 << 20;

/// All of it.
pub fn run() -> Result<()> {
    let mut figures = Figures::titled("wall time, ms");
    for _ in 0..TURNS {
        load(&mut figures)?;
    }
    figures.budget(TOGETHER, LOADED_WITHIN);
    println!("\n--- loading, the passes being there\n{figures}");
    hold()?;
    println!("\n--- events, the kernel's own measuring included");
    println!("{:16} {:24} {:>10} {:>8}", "probe", "hook", "events", "ns each");
    PROBES.iter().try_for_each(|probe| events(probe))
}

const TOGETHER: &str = "a collection that loads all of them";

/// What the first collection with them takes: its whole and the part of each probe. Two probes are
/// loaded at a time.
fn load(figures: &mut Figures) -> Result<()> {
    let mut map = ConfigMap::new(&cost::config(LEAST_PROBE))?;
    let exporter = Exporter::builder().config_dir(&map).start()?;
    exporter.scrape()?;
    map.swap(&cost::config(&format!("{LEAST_PROBE}, {}", PROBES.join(", "))))?;
    ensure!(exporter.post("/-/reload")?.status == 200, "the reload");
    for first in [true, false] {
        let metrics = exporter.scrape()?;
        let whole = metrics.value("kubeskoop_exporter_scrape_duration_seconds", &[]);
        let whole = whole.context("no duration")?;
        if !first {
            figures.add("the next collection", whole);
            continue;
        }
        figures.add(TOGETHER, whole);
        let cpu = exporter.status()?["collection"]["cpu_seconds"].as_f64();
        figures.add("of it, CPU time", cpu.context("no CPU time")?);
        for probe in PROBES {
            let name = "kubeskoop_exporter_probe_collect_duration_seconds";
            let part = metrics.value(name, &[("probe", probe)]);
            figures.add(&format!("of it, {probe}"), part.context(name)?);
        }
    }
    Ok(())
}

/// What an exporter with all probes holds, those by default included, and what each adds to a
/// collection.
fn hold() -> Result<()> {
    let _population = node::population(NAMESPACES, 1)?;
    let probes = format!("{}, {NOT_BY_DEFAULT}", cost::DEFAULT_PROBES);
    let exporter = Exporter::builder().config(&cost::config(&probes)).start()?;
    println!("\n--- with {NAMESPACES} namespaces and the default probes");
    footprint::print(&exporter)?;
    drop(exporter);
    let mut figures = Figures::titled("CPU time, ms");
    for probe in PROBES {
        cost::difference(
            Path::Pass,
            probe,
            &format!("of a collection, {probe}"),
            TURNS,
            &mut figures,
        )?;
    }
    println!("{figures}");
    Ok(())
}

/// What one event costs each program of a probe, while it alone counts.
fn events(probe: &str) -> Result<()> {
    let netns = Netns::new("bench")?;
    let _resident = netns.spawn_sleeper()?;
    let config = format!(
        "bpfStats: true\n{}",
        cost::config(&format!("{LEAST_PROBE}, {probe}"))
    );
    let exporter = Exporter::builder().config(&config).start()?;
    exporter.scrape()?;
    let status = exporter.probe_status(probe)?;
    if status["state"] != "up" {
        println!("{probe:16} {}", status["reason"].as_str().unwrap_or_default());
        return Ok(());
    }
    let loopback = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    netns.run(|| {
        traffic::udp_to_closed_port(loopback(9), DATAGRAMS)?;
        traffic::connect_to_closed_port(loopback(9), CONNECTIONS)
    })?;
    traffic::tcp_transfer(&netns, &netns, loopback(0), BYTES)?;
    for program in programs::of(exporter.pid())? {
        let (runs, each) = (program.runs, program.nanoseconds_each());
        println!("{probe:16} {:24} {runs:10} {each:8}", program.hook);
    }
    Ok(())
}
