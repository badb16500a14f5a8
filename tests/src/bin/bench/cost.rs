//! What a scrape costs, as the exporter itself accounts for it.

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::path::Path;

use crate::figures::Figures;

/// The default probes but qdisc, whose cost is measured on its own.
pub const DEFAULT_PROBES: &str = "tcp, udp, tcpext, netdev, conntrack, sock, softnet, tcpsummary, io, \
                                  packetloss, tcpreset, tcpretrans, virtcmdlatency";
/// A probe that costs next to nothing where the pass serves it: what a collection costs without
/// the probe that is measured.
const LEAST_PROBE: &str = "udp";
/// Scrapes before the first that counts.
const WARM_UP: usize = 3;

/// CPU seconds of one scrape.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// Of the threads that scanned the node and read the counters.
    pub collection: f64,
    /// Of the thread that wrote and compressed the answer.
    pub exposition: f64,
    /// The bytes of the answer.
    pub bytes: usize,
}

impl Cost {
    /// Both together.
    pub fn scrape(&self) -> f64 {
        self.collection + self.exposition
    }
}

/// A running exporter with these probes that collects at every scrape, warmed up.
pub fn exporter(path: Path, probes: &str) -> Result<Exporter> {
    let exporter = path.builder().config(&config(probes)).start()?;
    for _ in 0..WARM_UP {
        scrape(&exporter, &[])?;
    }
    Ok(exporter)
}

/// The configuration of such an exporter.
pub fn config(probes: &str) -> String {
    format!("interval: 0\nmetrics: {{probes: [{probes}]}}\n")
}

/// Scrapes once with these header fields.
pub fn scrape(exporter: &Exporter, headers: &[(&str, &str)]) -> Result<Cost> {
    let response = exporter.get_with("/metrics", headers)?;
    ensure!(response.status == 200, "status {}", response.status);
    let status = exporter.status()?;
    let cpu = |part: &str| {
        status[part]["cpu_seconds"]
            .as_f64()
            .with_context(|| format!("{part} in {status}"))
    };
    Ok(Cost {
        collection: cpu("collection")?,
        exposition: cpu("exposition")?,
        bytes: response.bytes.len(),
    })
}

/// What a probe adds to a collection: one with it less one without it, in turn.
pub fn difference(path: Path, probe: &str, what: &str, turns: usize, figures: &mut Figures) -> Result<()> {
    let without = exporter(path, LEAST_PROBE)?;
    let with = exporter(path, &format!("{LEAST_PROBE}, {probe}"))?;
    for _ in 0..turns {
        let less = scrape(&without, &[])?.collection;
        figures.add(what, scrape(&with, &[])?.collection - less);
    }
    Ok(())
}

/// What those probes add to a collection that a scrape with the passes spends most on.
pub fn of_dearest_probes(path: Path, turns: usize, figures: &mut Figures) -> Result<()> {
    for probe in ["netdev", "tcpsummary", "io"] {
        difference(
            path,
            probe,
            &format!("of the collection, {probe}"),
            turns,
            figures,
        )?;
    }
    Ok(())
}
