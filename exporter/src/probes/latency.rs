//! What probes have in common that export histograms of times.

use std::sync::Arc;

use crate::config::{Args, ConfigError};
use crate::kernel::bpf::{BpfError, MapHandle, words_of};
use crate::metrics::histogram::{CELLS, EDGES, FIRST_OF_POD, Histogram};
use crate::metrics::labels::LabelSet;
use crate::metrics::{Amount, Labelled};

use super::Rows;

/// Words of `struct histogram` in `bpf/include/histogram.h`: the sum and the cells.
const WORDS: usize = 1 + CELLS;
/// Edges as the programs take them: more than there are, and those behind the last never reached.
pub const PADDED_EDGES: [u64; 64] = padded();

const fn padded() -> [u64; 64] {
    let mut edges = [u64::MAX; 64];
    let mut at = 0;
    while at < EDGES.len() {
        edges[at] = EDGES[at];
        at += 1;
    }
    edges
}

/// Counters that a histogram gives: a metric, and how long the times are that it counts.
pub type Threshold = (usize, u64);

/// The key under `args` for which buckets are exported.
pub const BUCKETS: (&str, &str) = (
    "buckets",
    "`full` exports buckets of pods from 1 us on instead of from 100 us",
);

/// The first classic bucket of a pod.
///
/// # Errors
/// The value is not known.
pub fn first_bucket(args: &Args) -> Result<usize, ConfigError> {
    let buckets = args.at("buckets")?;
    match buckets.text()? {
        None => Ok(FIRST_OF_POD),
        Some("full") => Ok(0),
        Some(_) => Err(buckets.expected("full")),
    }
}

/// The histograms in the words of a slot or of a CPU.
pub fn histograms(words: &[u64]) -> impl Iterator<Item = Histogram> + '_ {
    words.chunks_exact(WORDS).map(|words| {
        let mut cells = [0; CELLS];
        cells.copy_from_slice(&words[1..]);
        Histogram { cells, sum: words[0] }
    })
}

/// A histogram as a sample, and the counters it gives.
pub fn push(
    rows: &mut Rows,
    (metric, thresholds): (usize, &[Threshold]),
    (entity, labels, first): (usize, Option<&Arc<LabelSet>>, usize),
    histogram: Histogram,
) {
    for (counter, edge) in thresholds {
        let count = histogram.over(*edge);
        match labels {
            None => rows.samples.row_mut(entity)[*counter] = Some(count),
            Some(labels) => rows.samples.push(
                *counter,
                Labelled {
                    entity,
                    labels: Some(Arc::clone(labels)),
                    amount: Amount::Number(count),
                },
            ),
        }
    }
    let sample = Labelled {
        entity,
        labels: labels.cloned(),
        amount: Amount::Times(Box::new(histogram), first),
    };
    rows.samples.push(metric, sample);
}

/// Times that were not measured, since there was no place to note when they began (`bpf/include/underway.h`).
///
/// # Errors
/// The map cannot be read.
pub fn unmeasured(map: &MapHandle) -> Result<u64, BpfError> {
    Ok(words_of(map)?.first().copied().unwrap_or(0))
}
