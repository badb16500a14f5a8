//! Many namespaces with traffic of their own that come and go.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::helper::{Helper, Running};
use kubeskoop_exporter_tests::lab::wait::eventually;

use crate::support::{Held, config, namespaces, states};

const PROBES: [&str; 6] = [
    "packetloss",
    "tcpreset",
    "tcpretrans",
    "netiftxlat",
    "socketlatency",
    "kernellatency",
];
/// Of each probe that has numbers of namespaces, one.
const METRICS: [&str; 6] = [
    "kubeskoop_packetloss_total",
    "kubeskoop_tcpreset_total",
    "kubeskoop_tcpretrans_total",
    "kubeskoop_netiftxlat_qdisc_latency_seconds_count",
    "kubeskoop_socketlatency_read_latency_seconds_count",
    "kubeskoop_kernellatency_rx_latency_seconds_count",
];
const RESETS: &str = METRICS[1];
/// The kernel takes namespaces down one after another, a while after their last process.
const SOON: Duration = Duration::from_mins(1);
const ROUNDS: usize = 3;
const SLACK: u64 = 8 << 20;
/// How often a namespace has a connection refused.
const MILLISECONDS: &str = "200";

/// The slots are for all namespaces there are.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Namespaces whose connections are refused, by their labels.
fn populate(population: &Helper, number: usize) -> Result<(Running, BTreeSet<String>)> {
    let mut command = Command::new(population.program());
    command.args([&number.to_string(), "1", MILLISECONDS]);
    let (running, lines) = Helper::start(&mut command)?;
    let label = |line: &String| {
        let inode = line.split(' ').next().context("not a namespace")?;
        Ok(format!("ns{inode}"))
    };
    let labels: BTreeSet<String> = lines.iter().map(label).collect::<Result<_>>()?;
    ensure!(labels.len() == number, "{} namespaces", labels.len());
    Ok((running, labels))
}

/// Those of `labels` that have a metric.
fn with(exporter: &Exporter, metric: &str, labels: &BTreeSet<String>) -> Result<BTreeSet<String>> {
    let all = namespaces(&exporter.scrape()?, metric);
    Ok(all.intersection(labels).cloned().collect())
}

/// Those of `labels` that have numbers, of one probe as of any other.
fn with_every_metric(exporter: &Exporter, labels: &BTreeSet<String>) -> Result<BTreeSet<String>> {
    let metrics = exporter.scrape()?;
    let shown = METRICS.map(|metric| &namespaces(&metrics, metric) & labels);
    for (metric, with) in METRICS.iter().zip(&shown) {
        ensure!(*with == shown[0], "{metric} is of others than {}", METRICS[0]);
    }
    let [first, ..] = shown;
    Ok(first)
}

fn all_count_resets(exporter: &Exporter, labels: &BTreeSet<String>) -> Result<bool> {
    let metrics = exporter.scrape()?;
    let counts = |label: &String| {
        let of_netns = [("netns", label.as_str()), ("type", "nosock")];
        metrics.value(RESETS, &of_netns).is_some_and(|it| it > 0.0)
    };
    Ok(labels.iter().all(counts))
}

fn gone(exporter: &Exporter, labels: &BTreeSet<String>) -> Result<()> {
    for metric in METRICS {
        eventually(SOON, || Ok(with(exporter, metric, labels)?.is_empty()))
            .with_context(|| format!("{metric} of namespaces that are gone"))?;
    }
    Ok(())
}

#[test]
fn five_hundred_namespaces_come_and_go_and_nothing_is_left_of_them() -> Result<()> {
    const NAMESPACES: usize = 500;
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let population = Helper::compile("population")?;
    let exporter = Exporter::builder().config(&config(&PROBES)).start()?;
    exporter.scrape()?;
    let mut held = Vec::new();
    for _ in 0..ROUNDS {
        let (running, labels) = populate(&population, NAMESPACES)?;
        let shown = with_every_metric(&exporter, &labels)?;
        // Other namespaces of the machine have slots too.
        ensure!(shown.len() > NAMESPACES / 2, "{} have numbers", shown.len());
        eventually(SOON, || all_count_resets(&exporter, &shown)).context("resets of every namespace")?;
        running.finish()?;
        gone(&exporter, &labels)?;
        held.push(Held::by(&exporter)?);
    }
    held[ROUNDS - 1].is_not_more_than(&held[1], SLACK)
}

#[test]
fn more_namespaces_than_slots_have_no_numbers_until_a_slot_is_free_and_that_is_counted() -> Result<()> {
    const NAMESPACES: usize = 300;
    const SLOTS: usize = 510;
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let population = Helper::compile("population")?;
    let exporter = Exporter::builder().config(&config(&PROBES)).start()?;
    exporter.scrape()?;
    let full = || {
        let of_probe = [("probe", "tcpreset")];
        let full = exporter
            .scrape()?
            .value("kubeskoop_exporter_map_full_total", &of_probe);
        full.context("no count of what found no room")
    };
    let (first, of_first) = populate(&population, NAMESPACES)?;
    let early = with(&exporter, RESETS, &of_first)?;
    let (second, of_second) = populate(&population, NAMESPACES)?;
    let late = with(&exporter, RESETS, &of_second)?;
    ensure!(
        early.len() + late.len() <= SLOTS && late.len() < NAMESPACES,
        "{}",
        late.len()
    );
    ensure!(
        with(&exporter, RESETS, &of_first)?.is_superset(&early),
        "a slot is taken away"
    );
    let before = full()?;
    eventually(SOON, || Ok(full()? > before)).context("what found no slot is not counted")?;
    let states = states(&exporter.scrape()?);
    ensure!(PROBES.iter().all(|probe| states[*probe] == "up"), "{states:?}");

    first.finish()?;
    gone(&exporter, &of_first)?;
    // Others may take slots as well.
    let now = with(&exporter, RESETS, &of_second)?;
    ensure!(
        now.len() > late.len() && now.is_superset(&late),
        "{} have numbers",
        now.len()
    );
    second.finish()?;
    gone(&exporter, &of_second)
}
