//! What the probe says of everyone before and after something is done.

use std::ops::Deref;
use std::time::Duration;

use anyhow::Result;
use kubeskoop_exporter_tests::lab::histogram::Histogram;
use kubeskoop_exporter_tests::lab::metrics::Metrics;
use kubeskoop_exporter_tests::lab::trio::Trio;

pub const READ: &str = "kubeskoop_socketlatency_read_latency_seconds";
pub const WRITE: &str = "kubeskoop_socketlatency_write_latency_seconds";

/// Client, server and bystander under an exporter of socketlatency.
pub struct Lab(Trio);

impl Deref for Lab {
    type Target = Trio;

    fn deref(&self) -> &Trio {
        &self.0
    }
}

/// Waits of client, server and bystander.
#[derive(Debug)]
pub struct Seen {
    pub read: [Histogram; 3],
    pub write: [Histogram; 3],
}

impl Lab {
    pub fn new() -> Result<Self> {
        Self::with("[socketlatency]")
    }

    pub fn with(probes: &str) -> Result<Self> {
        Ok(Self(Trio::watched(probes)?))
    }

    /// What comes while `run` does something.
    pub fn during(&self, run: impl FnOnce() -> Result<()>) -> Result<Seen> {
        let before = self.look()?;
        run()?;
        let after = self.look()?;
        Ok(Seen {
            read: since(&after.read, &before.read)?,
            write: since(&after.write, &before.write)?,
        })
    }

    fn look(&self) -> Result<Seen> {
        let metrics = self.exporter.scrape()?;
        let (read, write) = (
            self.histograms(&metrics, READ)?,
            self.histograms(&metrics, WRITE)?,
        );
        self.check_counters(&metrics, "read", &read)?;
        self.check_counters(&metrics, "write", &write)?;
        Ok(Seen { read, write })
    }

    /// The counters of slow ones are sums of the buckets of the same scrape.
    fn check_counters(&self, metrics: &Metrics, what: &str, histograms: &[Histogram; 3]) -> Result<()> {
        for milliseconds in [1, 100] {
            let name = format!("kubeskoop_socketlatency_{what}{milliseconds}ms");
            let counted = self.numbers(metrics, &name, &[])?;
            for (counted, histogram) in counted.iter().zip(histograms) {
                let over = histogram.over(Duration::from_millis(milliseconds))?;
                assert_eq!(*counted, over, "{name}: {histogram:?}");
            }
        }
        Ok(())
    }
}

fn since(after: &[Histogram; 3], before: &[Histogram; 3]) -> Result<[Histogram; 3]> {
    let [client, server, bystander] = [0, 1, 2].map(|at| after[at].since(&before[at]));
    Ok([client?, server?, bystander?])
}
