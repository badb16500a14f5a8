//! Writing the answer alone, in every format.

use anyhow::Result;
use kubeskoop_exporter_tests::lab::path::Path;

use crate::cost::{self, DEFAULT_PROBES};
use crate::figures::Figures;
use crate::node::{self, NAMESPACES};

const TURNS: usize = 30;
const PROTOBUF: (&str, &str) = (
    "Accept",
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
);
const GZIP: (&str, &str) = ("Accept-Encoding", "gzip");

/// Text and protobuf, plain and compressed.
pub fn run() -> Result<()> {
    let _population = node::population(NAMESPACES, 1)?;
    let exporter = cost::exporter(Path::Pass, DEFAULT_PROBES)?;
    let formats: [(&str, &[(&str, &str)]); 4] = [
        ("text", &[]),
        ("text, gzip", &[GZIP]),
        ("protobuf", &[PROTOBUF]),
        ("protobuf, gzip", &[PROTOBUF, GZIP]),
    ];
    let mut figures = Figures::default();
    let mut sizes = [0; 4];
    for _ in 0..TURNS {
        for ((format, headers), size) in formats.iter().zip(&mut sizes) {
            let cost = cost::scrape(&exporter, headers)?;
            figures.add(format, cost.exposition);
            *size = cost.bytes;
        }
    }
    println!("\n--- exposition of {NAMESPACES} namespaces\n{figures}");
    for ((format, _), size) in formats.iter().zip(sizes) {
        println!("{format:24} {} KiB", size / 1024);
    }
    Ok(())
}
