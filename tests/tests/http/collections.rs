//! Who asks at the same time gets the same collection.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::metrics::Metrics;
use kubeskoop_exporter_tests::lab::wait::eventually;

use crate::raw::{collections, status};

const SCRAPERS: usize = 50;

#[test]
fn fifty_scrapes_at_once_cause_one_collection() -> Result<()> {
    let exporter = Exporter::builder().config("interval: 5s\n").start()?;
    exporter.scrape()?;
    let before = collections(&exporter)?;
    eventually(Duration::from_secs(10), || {
        let age = &status(&exporter)?["collection"]["age_seconds"];
        Ok(age.as_f64().context("no age")? > 5.0)
    })
    .context("the collection does not grow old")?;
    assert_eq!(
        collections(&exporter)?,
        before,
        "nobody has asked for another one"
    );
    all_at_once(&exporter)?;
    assert_eq!(collections(&exporter)?, before + 1);
    Ok(())
}

#[test]
fn fifty_scrapes_at_once_are_all_answered_where_each_may_collect() -> Result<()> {
    let exporter = Exporter::builder().config("interval: 0\n").start()?;
    all_at_once(&exporter)
}

#[test]
fn with_an_interval_of_zero_every_scrape_collects() -> Result<()> {
    let exporter = Exporter::builder().config("interval: 0\n").start()?;
    exporter.scrape()?;
    let before = collections(&exporter)?;
    for number in 1..=10 {
        exporter.scrape()?;
        assert_eq!(collections(&exporter)?, before + number);
    }
    Ok(())
}

#[test]
fn within_the_interval_no_scrape_collects() -> Result<()> {
    let exporter = Exporter::builder().config("interval: 1h\n").start()?;
    let first = exporter.scrape()?;
    let before = collections(&exporter)?;
    for _ in 0..10 {
        assert_eq!(tcp(&exporter.scrape()?)?, tcp(&first)?);
    }
    assert_eq!(collections(&exporter)?, before);
    Ok(())
}

fn all_at_once(exporter: &Exporter) -> Result<()> {
    thread::scope(|scope| {
        let scrapers: Vec<_> = (0..SCRAPERS).map(|_| scope.spawn(|| exporter.scrape())).collect();
        for scraper in scrapers {
            let metrics = scraper
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            tcp(&metrics)?;
        }
        Ok(())
    })
}

/// Segments that the host has received, this scrape's own among them.
fn tcp(metrics: &Metrics) -> Result<String> {
    let samples = metrics.matching("kubeskoop_tcp_insegs", &[("netns", "")]);
    ensure!(samples.len() == 1, "{} series of the host", samples.len());
    Ok(samples[0].raw.clone())
}
