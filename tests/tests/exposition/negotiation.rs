//! Which format is answered in, over HTTP.

use anyhow::{Result, ensure};
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::gzip::gunzip;
use kubeskoop_exporter_tests::lab::metrics::Metrics;

use crate::{PROTOBUF, scrape_protobuf};

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// One collection for all scrapes.
fn exporter() -> Result<Exporter> {
    Exporter::builder().config("interval: 1h\n").start()
}

#[test]
fn protobuf_is_for_who_prefers_it_and_text_for_all_others() -> Result<()> {
    let exporter = exporter()?;
    for (accept, expected) in [
        (PROTOBUF.to_owned(), PROTOBUF),
        (
            format!("{PROTOBUF};q=0.6,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"),
            PROTOBUF,
        ),
        (
            format!("text/plain;version=0.0.4;q=0.6,{PROTOBUF};q=0.5,*/*;q=0.1"),
            TEXT,
        ),
        (format!("{PROTOBUF};q=0"), TEXT),
        (PROTOBUF.replace("delimited", "text"), TEXT),
        ("application/openmetrics-text;version=1.0.0".into(), TEXT),
        ("application/json".into(), TEXT),
        ("*/*".into(), TEXT),
    ] {
        let answer = exporter.get_with("/metrics", &[("Accept", &accept)])?;
        assert_eq!(answer.status, 200, "{accept}");
        assert_eq!(answer.header("content-type"), Some(expected), "{accept}");
        assert_eq!(answer.header("vary"), Some("Accept, Accept-Encoding"), "{accept}");
        let metrics = match expected {
            TEXT => Metrics::parse(&answer.body),
            _ => Metrics::parse_protobuf(&answer.bytes),
        }?;
        ensure!(metrics.family("kubeskoop_tcp_outsegs").is_some(), "{accept}");
    }
    Ok(())
}

#[test]
fn protobuf_is_compressed_where_that_is_accepted() -> Result<()> {
    let exporter = exporter()?;
    let fields = [("Accept", PROTOBUF), ("Accept-Encoding", "gzip")];
    let answer = exporter.get_with("/metrics", &fields)?;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    assert_eq!(answer.header("content-type"), Some(PROTOBUF));
    let bytes = gunzip(&answer.bytes)?;
    ensure!(
        answer.bytes.len() < bytes.len() / 2,
        "{} bytes",
        answer.bytes.len()
    );
    ensure!(!Metrics::parse_protobuf(&bytes)?.families().is_empty());
    Ok(())
}

#[test]
fn a_query_limits_the_probes_in_protobuf_too() -> Result<()> {
    let metrics = scrape_protobuf(&exporter()?, "/metrics?probe=udp")?;
    ensure!(metrics.family("kubeskoop_udp_noports").is_some());
    ensure!(metrics.family("kubeskoop_tcp_outsegs").is_none());
    ensure!(metrics.family("kubeskoop_exporter_build_info").is_some());
    Ok(())
}
