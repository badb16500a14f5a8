//! The message `Histogram`: classic buckets, and native ones if they are asked for.

use crate::metrics::histogram::{Histogram, ZERO_THRESHOLD};
use crate::metrics::wire::WireType::{Fixed64, Length, Varint};
use crate::metrics::wire::{key, put_message, put_varint};

// message Histogram
const SAMPLE_COUNT: u8 = key(1, Varint);
const SAMPLE_SUM: u8 = key(2, Fixed64);
const BUCKET: u8 = key(3, Length);
const SCHEMA: u8 = key(5, Varint);
const ZERO: u8 = key(6, Fixed64);
const ZERO_COUNT: u8 = key(7, Varint);
const POSITIVE_SPAN: u8 = key(12, Length);
const POSITIVE_DELTA: u8 = key(13, Length);
// message Bucket
const CUMULATIVE_COUNT: u8 = key(1, Varint);
const UPPER_BOUND: u8 = key(2, Fixed64);
// message BucketSpan
const OFFSET: u8 = key(1, Varint);
const SPAN_LENGTH: u8 = key(2, Varint);

/// Buckets and spans are short.
const ROOM: usize = 1;
/// Of two or fewer empty buckets in a row it is shorter to write them than to begin another span.
const GAP: i32 = 2;

/// Writes the fields of the message.
pub fn put(out: &mut Vec<u8>, histogram: &Histogram, first: usize, native: bool) {
    put_number(out, SAMPLE_COUNT, histogram.count());
    put_double(out, SAMPLE_SUM, histogram.sum_in_seconds());
    for (le, count) in histogram.classic(first) {
        out.push(BUCKET);
        put_message(out, ROOM, |out| {
            put_number(out, CUMULATIVE_COUNT, count);
            put_double(out, UPPER_BOUND, le.parse().unwrap_or(f64::INFINITY));
        });
    }
    if native {
        put_native(out, histogram);
    }
}

fn put_native(out: &mut Vec<u8>, histogram: &Histogram) {
    put_number(out, SCHEMA, zigzag(0));
    put_double(out, ZERO, ZERO_THRESHOLD);
    put_number(out, ZERO_COUNT, histogram.zeros());
    let spans = spans(histogram);
    // A native histogram without a bucket is told from a classic one by an empty span.
    if spans.is_empty() {
        put_span(out, 0, 0);
        return;
    }
    let mut end = 0;
    for (start, counts) in &spans {
        put_span(out, start - end, counts.len() as u64);
        end = start + i32::try_from(counts.len()).unwrap_or(i32::MAX);
    }
    out.push(POSITIVE_DELTA);
    put_message(out, ROOM, |out| {
        let mut before = 0_u64;
        for count in spans.iter().flat_map(|(_, counts)| counts) {
            put_varint(out, zigzag(count.wrapping_sub(before).cast_signed()));
            before = *count;
        }
    });
}

/// Runs of buckets that are not empty, or hardly: the number of the first, and the counts.
fn spans(histogram: &Histogram) -> Vec<(i32, Vec<u64>)> {
    let mut spans: Vec<(i32, Vec<u64>)> = Vec::new();
    for (index, count) in histogram.native() {
        if let Some((start, counts)) = spans.last_mut() {
            let end = *start + i32::try_from(counts.len()).unwrap_or(i32::MAX);
            if index - end <= GAP {
                counts.resize(counts.len() + usize::try_from(index - end).unwrap_or(0), 0);
                counts.push(count);
                continue;
            }
        }
        spans.push((index, vec![count]));
    }
    spans
}

fn put_span(out: &mut Vec<u8>, offset: i32, length: u64) {
    out.push(POSITIVE_SPAN);
    put_message(out, ROOM, |out| {
        put_number(out, OFFSET, zigzag(offset.into()));
        put_number(out, SPAN_LENGTH, length);
    });
}

fn put_number(out: &mut Vec<u8>, key: u8, number: u64) {
    out.push(key);
    put_varint(out, number);
}

fn put_double(out: &mut Vec<u8>, key: u8, number: f64) {
    out.push(key);
    out.extend_from_slice(&number.to_le_bytes());
}

/// How `sint32` and `sint64` stand in a varint.
fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63).cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::histogram::EDGES;

    fn of<const N: usize>(times: [(u64, u64); N]) -> Histogram {
        let mut histogram = Histogram::default();
        for (time, count) in times {
            let cell = EDGES.iter().position(|edge| time <= *edge).unwrap_or(EDGES.len());
            histogram.cells[cell] += count;
            histogram.sum += time * count;
        }
        histogram
    }

    #[test]
    fn signs_stand_in_the_last_bit() {
        let numbers = [0, -1, 1, -2, 2, i64::MAX, i64::MIN];
        assert_eq!(numbers.map(zigzag), [0, 1, 2, 3, 4, u64::MAX - 1, u64::MAX]);
    }

    #[test]
    fn runs_with_short_gaps_are_one_span() {
        // 1 ms, 4 ms and 1 s: the buckets that end at 2^-9, 2^-7 and 2^0 s.
        let histogram = of([(1_000_000, 3), (4_000_000, 5), (1_000_000_000, 7)]);
        assert_eq!(spans(&histogram), [(-9, vec![3, 0, 5]), (0, vec![7])]);
    }

    #[test]
    fn a_histogram_without_a_time_is_still_a_native_one() {
        let mut out = Vec::new();
        put_native(&mut out, &Histogram::default());
        assert!(out.ends_with(&[POSITIVE_SPAN, 4, OFFSET, 0, SPAN_LENGTH, 0]));
    }
}
