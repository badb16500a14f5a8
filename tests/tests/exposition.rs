//! The formats of `/metrics`: who is answered in which, and that both say the same.

#[path = "exposition/agreement.rs"]
mod agreement;
#[path = "exposition/negotiation.rs"]
mod negotiation;

use anyhow::{Result, ensure};
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::metrics::Metrics;

/// What Prometheus asks for and is answered with.
const PROTOBUF: &str =
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

/// GETs `path` in the protobuf format and reads it strictly.
fn scrape_protobuf(exporter: &Exporter, path: &str) -> Result<Metrics> {
    let answer = exporter.get_with(path, &[("Accept", PROTOBUF)])?;
    ensure!(answer.status == 200, "{}: {}", answer.status, answer.body);
    let content = answer.header("content-type");
    ensure!(content == Some(PROTOBUF), "the content is {content:?}");
    Metrics::parse_protobuf(&answer.bytes)
}
