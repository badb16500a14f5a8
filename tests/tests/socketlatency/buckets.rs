//! Which buckets are exported.

use std::io::{Read, Write};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::configmap::ConfigMap;
use kubeskoop_exporter_tests::lab::connection::Connection;
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::histogram::Histogram;
use kubeskoop_exporter_tests::lab::path::Path;
use kubeskoop_exporter_tests::lab::trio::Trio;

use crate::support::{READ, WRITE};

const FULL: &str = "{name: socketlatency, args: {buckets: full}}";

fn config(probe: &str) -> String {
    format!("interval: 0\ndebugMode: true\nmetrics: {{probes: [{probe}]}}\n")
}

/// Two exporters count the same events, one from 1 us on and one from 100 us on.
#[test]
fn full_buckets_begin_at_1_us_and_the_others_at_100_us_with_the_same_count() -> Result<()> {
    let start = |probe| -> Result<Exporter> {
        let exporter = Exporter::builder().config(&config(probe)).start()?;
        exporter.wait_for_probes()?;
        Ok(exporter)
    };
    let full = start(FULL)?;
    let trio = Trio::inhabited(Path::Pass, start("socketlatency")?)?;
    let scrapes = || -> Result<_> { Ok([full.scrape()?, trio.exporter.scrape()?]) };
    let before = scrapes()?;
    for to in trio.pair.b.addresses() {
        let Connection {
            mut client,
            mut server,
        } = Connection::new(&trio, to)?;
        for _ in 0..20 {
            client.write_all(b"question")?;
            // Long enough for the sum to be one to compare.
            sleep(Duration::from_millis(10));
            server.read_exact(&mut [0; 8])?;
            server.write_all(b"answer")?;
            client.read_exact(&mut [0; 6])?;
        }
    }
    let after = scrapes()?;
    for name in [READ, WRITE] {
        for netns in [trio.client.name(), trio.server.name()] {
            let of = |at: usize| -> Result<Histogram> {
                let labels = [("netns", netns)];
                Histogram::read(&after[at], name, &labels)?.since(&Histogram::read(
                    &before[at],
                    name,
                    &labels,
                )?)
            };
            let (full, pod) = (of(0)?, of(1)?);
            ensure!(full.is_full() && !pod.is_full(), "{full:?} {pod:?}");
            assert_eq!((full.count, pod.count), (40, 40), "{name} of {netns}");
            if name == READ && netns == trio.server.name() {
                ensure!(full.sum > 0.4, "{full:?}");
            }
            // Each reads the clock by itself.
            ensure!((full.sum - pod.sum).abs() < 0.1, "{full:?} {pod:?}");
        }
    }
    Ok(())
}

#[test]
fn a_word_that_is_not_full_is_refused() -> Result<()> {
    let refused = ConfigMap::new(&config("{name: socketlatency, args: {buckets: half}}"))?;
    let started = Exporter::builder().config_dir(&refused).start();
    let said = format!("{:#}", started.err().context("it starts")?);
    ensure!(said.contains("buckets") && said.contains("full"), "{said}");
    Ok(())
}
