//! Runs of softirqs are counted as `/proc/softirqs` counts them, for the types that are asked for.

#[path = "softirq/arguments.rs"]
mod arguments;
#[path = "softirq/slow.rs"]
mod slow;

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use kubeskoop_exporter_tests::lab::guest::attempts;
use kubeskoop_exporter_tests::lab::histogram::Histogram;
use kubeskoop_exporter_tests::lab::metrics::Metrics;
use kubeskoop_exporter_tests::lab::trio::Trio;

const SCHED: &str = "kubeskoop_softirq_sched_latency_seconds";
const EXEC: &str = "kubeskoop_softirq_exec_latency_seconds";
const TYPES: [&str; 5] = ["net_rx", "net_tx", "timer", "sched", "rcu"];

/// The runs of a type on all CPUs, as the kernel counts them when they begin.
fn runs(kind: &str) -> Result<u64> {
    let softirqs = fs::read_to_string("/proc/softirqs")?;
    let mut lines = softirqs.lines().map(str::trim_start);
    let name = format!("{}:", kind.to_uppercase());
    let line = lines.find_map(|line| line.strip_prefix(&name));
    let counts = line.with_context(|| format!("no {kind} in {softirqs}"))?;
    counts.split_whitespace().map(|it| Ok(it.parse::<u64>()?)).sum()
}

fn all_runs() -> Result<[u64; TYPES.len()]> {
    let mut all = [0; TYPES.len()];
    for (runs_of_type, kind) in all.iter_mut().zip(TYPES) {
        *runs_of_type = runs(kind)?;
    }
    Ok(all)
}

fn histogram(metrics: &Metrics, name: &str, kind: &str) -> Result<Histogram> {
    Histogram::read(metrics, name, &[("softirq_type", kind)])
}

/// The counters of slow ones are sums of the buckets of the same scrape.
fn check_slow(metrics: &Metrics, kind: &str) -> Result<()> {
    for (name, slow, very_slow) in [
        (SCHED, "schedslow", "schedslow100ms"),
        (EXEC, "excuteslow", "excuteslow100ms"),
    ] {
        let histogram = histogram(metrics, name, kind)?;
        for (counter, milliseconds) in [(slow, 10), (very_slow, 100)] {
            let name = format!("kubeskoop_softirq_{counter}");
            let counted = metrics.number(&name, &[("softirq_type", kind)])?;
            let over = histogram.over(Duration::from_millis(milliseconds))?;
            assert_eq!(counted, over, "{name} of {kind}: {histogram:?}");
        }
    }
    Ok(())
}

/// Sends datagrams that the server receives.
fn send(trio: &Trio, count: usize) -> Result<()> {
    let to = SocketAddr::new(trio.pair.b.v4.into(), 0);
    let sink = trio.server.run(|| Ok(UdpSocket::bind(to)?))?;
    let to = sink.local_addr()?;
    trio.client.run(|| {
        // No port of the rules that the packets are to meet.
        let socket = UdpSocket::bind((trio.pair.a.v4, 1234))?;
        for _ in 0..count {
            socket.send_to(b"0123456789", to)?;
        }
        Ok(())
    })
}

/// Compares what happened between two scrapes with the least and the most that the kernel may have
/// counted meanwhile. Returns false if runs are missing.
fn is_complete(trio: &Trio) -> Result<bool> {
    let cpus = std::thread::available_parallelism()?.get() as u64;
    let [mut low, mut high] = [[0; TYPES.len()]; 2];
    let earliest = all_runs()?;
    let before = trio.exporter.scrape()?;
    let early = all_runs()?;
    send(trio, 20_000)?;
    let late = all_runs()?;
    let after = trio.exporter.scrape()?;
    let latest = all_runs()?;
    for at in 0..TYPES.len() {
        // The kernel counts a run when it begins, the probe when it ends: one may be under way on each CPU.
        low[at] = (late[at] - early[at]).saturating_sub(cpus);
        high[at] = latest[at] - earliest[at] + cpus;
    }
    let mut complete = true;
    for (at, kind) in TYPES.iter().enumerate() {
        let grown = |name| histogram(&after, name, kind)?.since(&histogram(&before, name, kind)?);
        let (sched, exec) = (grown(SCHED)?, grown(EXEC)?);
        let range = low[at]..=high[at];
        println!("{kind}: {} of {range:?} runs, {} waits", exec.count, sched.count);
        ensure!(
            exec.count <= high[at],
            "{kind}: more than {} runs: {exec:?}",
            high[at]
        );
        ensure!(
            sched.count <= exec.count + cpus,
            "{kind}: more waits than runs: {sched:?}"
        );
        ensure!(
            *kind != "net_rx" || exec.count > 1000,
            "hardly anything was received: {exec:?}"
        );
        complete &= exec.count >= low[at];
        // Of two runs that were both raised before the first began, only that one is known to have waited.
        complete &= *kind != "net_rx" || sched.count >= low[at] - low[at] / 100;
        check_slow(&after, kind)?;
    }
    Ok(complete)
}

#[test]
fn runs_and_waits_are_as_many_as_the_kernel_counts_and_slow_ones_come_from_the_same_buckets() -> Result<()> {
    let types = TYPES.join(", ");
    let trio = Trio::watched(&format!(
        "[{{name: softirq, args: {{softirq-types: [{types}]}}}}]"
    ))?;
    for _ in 0..attempts() {
        if is_complete(&trio)? {
            return Ok(());
        }
        println!("not all was seen");
    }
    bail!("runs are missing")
}
