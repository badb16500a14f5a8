//! Histograms as the text format has them: a sample for each bucket, the sum and the count.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use prometheus::proto::{Histogram, Metric};

use super::super::Sample;
use super::ensure_known;

/// Fields of native histograms: schema, zero threshold and count, spans and deltas of positive
/// buckets. The crate `prometheus` does not know them; a real server reads them in another test.
const NATIVE: [u32; 5] = [5, 6, 7, 12, 13];

/// The samples of a metric of the family `name`.
pub(super) fn samples(name: &str, labels: &BTreeMap<String, String>, metric: &Metric) -> Result<Vec<Sample>> {
    let histogram = metric.histogram.as_ref().context("no value of its type")?;
    for (field, _) in histogram.special_fields.unknown_fields() {
        ensure!(NATIVE.contains(&field), "an unknown field {field} in a histogram");
    }
    let sample = |suffix: &str, le: Option<f64>, value: f64| {
        let mut labels = labels.clone();
        labels.extend(le.map(|le| ("le".to_owned(), format!("{le:?}"))));
        Sample {
            name: format!("{name}_{suffix}"),
            labels,
            raw: value.to_string(),
            value,
            timestamp: metric.timestamp_ms,
        }
    };
    let count = count_of(histogram.sample_count.context("no count")?)?;
    let mut samples = Vec::new();
    for (le, below) in buckets(histogram)? {
        samples.push(sample("bucket", Some(le), count_of(below)?));
    }
    samples.push(sample("bucket", Some(f64::INFINITY), count));
    samples.push(sample("sum", None, histogram.sample_sum.context("no sum")?));
    samples.push(sample("count", None, count));
    Ok(samples)
}

/// Upper bounds and what is at most as large, both rising; the last bucket has no message.
fn buckets(histogram: &Histogram) -> Result<Vec<(f64, u64)>> {
    let mut buckets: Vec<(f64, u64)> = Vec::new();
    for bucket in &histogram.bucket {
        ensure_known(&bucket.special_fields)?;
        let le = bucket.upper_bound.context("a bucket without a bound")?;
        let below = bucket.cumulative_count.context("a bucket without a count")?;
        let (before, less) = buckets.last().copied().unwrap_or((f64::NEG_INFINITY, 0));
        ensure!(le > before && le.is_finite(), "the bound {le} after {before}");
        ensure!(below >= less, "{below} up to {le}, and {less} up to {before}");
        buckets.push((le, below));
    }
    let last = buckets.last().map_or(0, |(_, below)| *below);
    let count = histogram.sample_count.unwrap_or_default();
    ensure!(last <= count, "{last} in the buckets of {count}");
    Ok(buckets)
}

/// Numbers of tests are small enough for a float.
fn count_of(count: u64) -> Result<f64> {
    let small = u32::try_from(count).with_context(|| format!("{count} is too much for a test"))?;
    Ok(small.into())
}
