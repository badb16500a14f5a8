//! Many changes under a scraper.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::configmap::ConfigMap;
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::metrics::{Kind, Metrics};
use kubeskoop_exporter_tests::lab::wait::eventually;

use crate::support::{SOON, has_line, node_label, wait_for_config};

const CHANGES: usize = 20;
const SCRAPE_INTERVAL: Duration = Duration::from_millis(50);

/// Counters of the host and of the exporter by name and labels, the node left out.
type Counters = BTreeMap<(String, Vec<(String, String)>), f64>;

#[test]
fn twenty_changes_in_a_row_are_all_seen_and_no_scrape_fails_meanwhile() -> Result<()> {
    let mut map = ConfigMap::new(&config(0))?;
    let exporter = Exporter::builder().config_dir(&map).start()?;
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let scraping = scope.spawn(|| scrape_until(&exporter, &done));
        let changed = (1..=CHANGES).try_for_each(|number| change(&exporter, &mut map, number));
        done.store(true, Ordering::Relaxed);
        let scrapes = scraping
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        changed?;
        ensure!(scrapes? >= CHANGES, "the scraper has hardly run");
        Ok(())
    })
}

/// Swaps that come faster than they can be read: the last one counts.
#[test]
fn a_burst_of_changes_ends_with_the_last_one_in_force() -> Result<()> {
    let mut map = ConfigMap::new(&config(0))?;
    let exporter = Exporter::builder().config_dir(&map).start()?;
    for number in 1..=50 {
        map.swap(&config(number))?;
    }
    wait_for_config(&exporter, "  nodeName: node-50")
}

/// Whether it comes before, while or after the file is first read.
#[test]
fn a_change_during_the_start_is_not_missed() -> Result<()> {
    for delay in (0..20).map(Duration::from_millis) {
        let mut map = ConfigMap::new(&config(1))?;
        let builder = Exporter::builder().config_dir(&map);
        let exporter = thread::scope(|scope| {
            let starting = scope.spawn(|| builder.start());
            thread::sleep(delay);
            map.swap(&config(2))?;
            starting
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })?;
        wait_for_config(&exporter, "  nodeName: node-2").with_context(|| format!("after {delay:?}"))?;
    }
    Ok(())
}

fn change(exporter: &Exporter, map: &mut ConfigMap, number: usize) -> Result<()> {
    map.swap(&config(number))?;
    let (line, label) = (format!("  nodeName: node-{number}"), format!("node-{number}"));
    eventually(SOON, || {
        Ok(has_line(exporter, &line)? && node_label(exporter)? == label)
    })
    .with_context(|| format!("change {number}, log:\n{}", exporter.log()))
}

/// A probe that others share a file with comes and goes beside the name.
fn config(number: usize) -> String {
    let ip = if number.is_multiple_of(2) {
        ""
    } else {
        "  - name: ip\n"
    };
    format!(
        "interval: 0\nkubernetes:\n  nodeName: node-{number}\nmetrics:\n  probes:\n  - name: tcp\n  - name: udp\n{ip}"
    )
}

/// Scrapes until told that it is enough, and tells how often that was.
fn scrape_until(exporter: &Exporter, done: &AtomicBool) -> Result<usize> {
    let mut scrapes = 0;
    let mut before = Counters::new();
    while !done.load(Ordering::Relaxed) {
        let started = Instant::now();
        let metrics = exporter.scrape().with_context(|| format!("scrape {scrapes}"))?;
        let now = counters(&metrics);
        ensure!(
            now.keys().any(|(name, _)| name == "kubeskoop_tcp_insegs"),
            "scrape {scrapes} has no tcp"
        );
        for (series, value) in &before {
            if let Some(now) = now.get(series) {
                ensure!(
                    now >= value,
                    "scrape {scrapes}: {series:?} went from {value} to {now}"
                );
            }
        }
        before = now;
        scrapes += 1;
        thread::sleep(SCRAPE_INTERVAL.saturating_sub(started.elapsed()));
    }
    Ok(scrapes)
}

fn counters(metrics: &Metrics) -> Counters {
    let counters = metrics
        .families()
        .iter()
        .filter(|family| family.kind == Kind::Counter);
    counters
        .flat_map(|family| &family.samples)
        .filter(|sample| sample.label("netns").is_none_or(str::is_empty))
        .map(|sample| {
            let labels = sample.labels.iter().filter(|(name, _)| *name != "k8s_node");
            let labels = labels.map(|(name, value)| (name.clone(), value.clone()));
            ((sample.name.clone(), labels.collect()), sample.value)
        })
        .collect()
}
