//! gzip, for who accepts it.

use anyhow::{Result, ensure};
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::gzip::gunzip;
use kubeskoop_exporter_tests::lab::metrics::{Kind, Metrics};

/// One collection for all scrapes, so that they can be compared.
fn exporter() -> Result<Exporter> {
    Exporter::builder().config("interval: 1h\n").start()
}

#[test]
fn gzip_is_used_where_it_is_accepted() -> Result<()> {
    let exporter = exporter()?;
    let plain = exporter.get("/metrics")?;
    for accepted in ["gzip", "deflate, gzip;q=0.5", "br, GZIP"] {
        let answer = exporter.get_with("/metrics", &[("Accept-Encoding", accepted)])?;
        assert_eq!(answer.header("content-encoding"), Some("gzip"), "{accepted}");
        // A cache must not give it to those who do not accept it.
        let vary = answer.header("vary").unwrap_or_default();
        ensure!(vary.contains("Accept-Encoding"), "{accepted}: {vary:?}");
        assert_eq!(answer.header("content-type"), plain.header("content-type"));
        ensure!(
            answer.bytes.len() < plain.bytes.len() / 2,
            "{accepted}: {} bytes instead of {}",
            answer.bytes.len(),
            plain.bytes.len()
        );
        let text = String::from_utf8(gunzip(&answer.bytes)?)?;
        assert_eq!(numbers(&text)?, numbers(&plain.body)?, "{accepted}");
    }
    Ok(())
}

#[test]
fn gzip_is_not_used_where_it_is_not_accepted() -> Result<()> {
    let exporter = exporter()?;
    for accepted in ["identity", "gzip;q=0", "br, zstd", ""] {
        let answer = exporter.get_with("/metrics", &[("Accept-Encoding", accepted)])?;
        assert_eq!(answer.header("content-encoding"), None, "{accepted:?}");
        ensure!(
            !numbers(&answer.body)?.is_empty(),
            "{accepted:?}: {}",
            answer.body
        );
    }
    Ok(())
}

/// Families with their types, and the series of those that do not tell of the exporter itself.
fn numbers(text: &str) -> Result<Vec<(String, Kind, Vec<String>)>> {
    let is_own = |name: &str| name.starts_with("process_") || name.starts_with("kubeskoop_exporter_");
    let metrics = Metrics::parse(text)?;
    let families = metrics.families().iter().map(|family| {
        let samples = family.samples.iter().filter(|sample| !is_own(&sample.name));
        let samples = samples.map(|sample| format!("{sample:?}")).collect();
        (family.name.clone(), family.kind, samples)
    });
    Ok(families.collect())
}
