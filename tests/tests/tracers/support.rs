//! The probes, and what they hold of the kernel.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::metrics::Metrics;

/// All probes whose programs count by themselves.
pub const TRACERS: [&str; 8] = [
    "packetloss",
    "tcpreset",
    "tcpretrans",
    "softirq",
    "netiftxlat",
    "socketlatency",
    "kernellatency",
    "virtcmdlatency",
];
/// Probes that have nothing to do with those.
pub const OTHERS: [&str; 2] = ["tcp", "udp"];

/// A file with these probes, of which every scrape collects.
pub fn config(probes: &[&str]) -> String {
    let probes = probes.join(", ");
    format!("interval: 0\nmetrics: {{maxSeries: 10000000, probes: [{probes}]}}\n")
}

/// The state of each probe.
pub fn states(metrics: &Metrics) -> BTreeMap<String, String> {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let states = metrics.samples("kubeskoop_exporter_probe_state");
    states
        .map(|it| (text(it.label("probe")), text(it.label("state"))))
        .collect()
}

/// Labels of the namespaces that have this metric.
pub fn namespaces(metrics: &Metrics, metric: &str) -> BTreeSet<String> {
    let labels = metrics.samples(metric).filter_map(|it| it.label("netns"));
    labels.map(str::to_owned).collect()
}

/// What an exporter holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Descriptors of each kind that has no name in the file system, and how many others.
    pub descriptors: BTreeMap<String, usize>,
    /// Resident memory in bytes.
    pub memory: u64,
}

impl Held {
    /// What it holds now.
    pub fn by(exporter: &Exporter) -> Result<Self> {
        let process = format!("/proc/{}", exporter.pid());
        let mut descriptors = BTreeMap::new();
        for entry in fs::read_dir(format!("{process}/fd"))? {
            // Connections that end meanwhile.
            let Ok(target) = fs::read_link(entry?.path()) else {
                continue;
            };
            let target = target.to_string_lossy().into_owned();
            let kind = if target.starts_with("anon_inode:") {
                target
            } else {
                "others".into()
            };
            *descriptors.entry(kind).or_default() += 1;
        }
        let status = fs::read_to_string(format!("{process}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line
            .and_then(|it| it.trim().strip_suffix(" kB"))
            .context("no VmRSS")?;
        Ok(Self {
            descriptors,
            memory: kilobytes.parse::<u64>()? * 1024,
        })
    }

    /// An error if this is more than there was `before`, but for `slack` bytes of memory.
    pub fn is_not_more_than(&self, before: &Self, slack: u64) -> Result<()> {
        println!("before {before:?}, after {self:?}");
        // A connection that is about to be closed may still be there.
        for (kind, count) in &self.descriptors {
            let before = before.descriptors.get(kind).copied().unwrap_or(0);
            let spare = usize::from(kind == "others") * 2;
            ensure!(*count <= before + spare, "{kind}: {before} before, {count} after");
        }
        ensure!(
            self.memory <= before.memory + slack,
            "memory: {} before, {} after",
            before.memory,
            self.memory
        );
        Ok(())
    }
}
