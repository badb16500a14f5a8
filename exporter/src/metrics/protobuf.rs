//! Exposition as protobuf: messages `MetricFamily` of Prometheus's
//! [metrics.proto](https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto),
//! each behind its length ([Exposition formats](https://prometheus.io/docs/instrumenting/exposition_formats/)).

mod histogram;

use super::labels::LabelSet;
use super::wire::WireType::{Fixed64, Length, Varint};
use super::wire::{key, put_length, put_message, put_string};
use super::writer::{FamilyWriter, Sample, Value};
use super::{Kind, Metric};

/// `Content-Type` of the format.
pub const CONTENT_TYPE: &str =
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

// message MetricFamily
const NAME: u8 = key(1, Length);
const HELP: u8 = key(2, Length);
const TYPE: u8 = key(3, Varint);
const METRIC: u8 = key(4, Length);
// message Metric
const LABEL: u8 = key(1, Length);
const GAUGE: u8 = key(2, Length);
const COUNTER: u8 = key(3, Length);
const HISTOGRAM: u8 = key(7, Length);
// message LabelPair
const LABEL_NAME: u8 = key(1, Length);
const LABEL_VALUE: u8 = key(2, Length);
// messages Gauge and Counter
const NUMBER: u8 = key(1, Fixed64);

/// Bytes of the length of a family between 16 KiB and 2 MiB, as most are on a large node; smaller
/// ones are cheap to move.
const FAMILY_ROOM: usize = 3;
/// Bytes of the length of a label pair; few take more.
const LABEL_ROOM: usize = 1;
/// Bytes of the message of a gauge or counter: a key and a double.
const NUMBER_MESSAGE: u8 = 9;
/// Bytes of the field that it is in: a key, its length and the message.
const NUMBER_FIELD: usize = 2 + NUMBER_MESSAGE as usize;

/// Bytes of the length of a histogram, with and without its labels.
const HISTOGRAM_ROOM: usize = 2;

/// Writes families one after another into a buffer.
#[derive(Debug, Default)]
pub struct ProtobufWriter {
    out: Vec<u8>,
    native_histograms: bool,
}

impl ProtobufWriter {
    /// A writer with room for about `capacity` bytes.
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            out: Vec::with_capacity(capacity),
            native_histograms: false,
        }
    }

    /// Whether histograms are written as native ones too.
    #[must_use]
    pub fn native_histograms(self, native_histograms: bool) -> Self {
        Self {
            native_histograms,
            ..self
        }
    }
}

impl FamilyWriter for ProtobufWriter {
    fn family<'a>(&mut self, metric: &Metric, samples: impl Iterator<Item = Sample<'a>>) {
        let mut samples = samples.peekable();
        if samples.peek().is_none() {
            return;
        }
        put_message(&mut self.out, FAMILY_ROOM, |out| {
            put_string(out, NAME, metric.name);
            put_string(out, HELP, metric.help);
            // The values of enum MetricType.
            let (kind, field) = match metric.kind {
                Kind::Counter => (0, COUNTER),
                Kind::Gauge => (1, GAUGE),
                Kind::Histogram => (4, HISTOGRAM),
            };
            out.extend_from_slice(&[TYPE, kind]);
            for sample in samples {
                match sample.value {
                    Value::Integer(number) => put_number(out, field, sample, double(number)),
                    Value::Float(number) => put_number(out, field, sample, number),
                    Value::Histogram(histogram, first) => {
                        put_labelled(out, sample, |out| {
                            out.push(field);
                            put_message(out, HISTOGRAM_ROOM, |out| {
                                histogram::put(out, histogram, first, self.native_histograms);
                            });
                        });
                    }
                }
            }
        });
    }

    fn finish(self) -> Vec<u8> {
        self.out
    }
}

/// Adds a label to the fields `label` of a message `Metric`. The value stands as it is: there is
/// nothing to escape.
pub(super) fn push_label(pairs: &mut Vec<u8>, name: &str, value: &str) {
    pairs.push(LABEL);
    put_message(pairs, LABEL_ROOM, |pair| {
        put_string(pair, LABEL_NAME, name);
        put_string(pair, LABEL_VALUE, value);
    });
}

/// Writes the sample of a gauge or counter. Its length is known beforehand.
fn put_number(out: &mut Vec<u8>, field: u8, sample: Sample<'_>, value: f64) {
    let [pairs, own] = pairs(sample);
    out.push(METRIC);
    put_length(out, pairs.len() + own.len() + NUMBER_FIELD);
    out.extend_from_slice(pairs);
    out.extend_from_slice(own);
    let mut number = [0; NUMBER_FIELD];
    number[..3].copy_from_slice(&[field, NUMBER_MESSAGE, NUMBER]);
    number[3..].copy_from_slice(&value.to_le_bytes());
    out.extend_from_slice(&number);
}

/// Writes a sample whose value is written by `value`.
fn put_labelled(out: &mut Vec<u8>, sample: Sample<'_>, value: impl FnOnce(&mut Vec<u8>)) {
    out.push(METRIC);
    put_message(out, HISTOGRAM_ROOM, |out| {
        pairs(sample)
            .iter()
            .for_each(|pairs| out.extend_from_slice(pairs));
        value(out);
    });
}

fn pairs(sample: Sample<'_>) -> [&[u8]; 2] {
    [
        sample.labels.as_protobuf(),
        sample.own_labels.map_or(&[], LabelSet::as_protobuf),
    ]
}

/// The value as the format has it. There are no whole numbers in it: one beyond 2^53 becomes the
/// double next to it (2^64 - 1 becomes 2^64), which is also what Prometheus makes of the digits
/// in the text format.
#[expect(clippy::cast_precision_loss, reason = "the format has nothing better")]
fn double(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Source;

    const SOURCE: Source = Source::Other("test");

    fn written(metric: &Metric, labels: &LabelSet, value: Value<'_>) -> Vec<u8> {
        let mut writer = ProtobufWriter::default();
        let sample = Sample {
            labels,
            own_labels: None,
            value,
        };
        writer.family(metric, [sample].into_iter());
        writer.finish()
    }

    #[test]
    fn a_counter_is_a_family_with_name_help_type_and_samples() {
        let labels = LabelSet::new().with("k", "v");
        let metric = Metric::counter("a_total", "1", "Help\n\\", SOURCE);
        let mut expected = vec![40, 0x0a, 7];
        expected.extend_from_slice(b"a_total");
        expected.extend_from_slice(b"\x12\x06Help\n\\");
        expected.extend_from_slice(&[0x18, 0]);
        // Metric { label: { name: "k", value: "v" }, counter: { value: 1.0 } }
        expected.extend_from_slice(&[0x22, 19, 0x0a, 6, 0x0a, 1, b'k', 0x12, 1, b'v']);
        expected.extend_from_slice(&[0x1a, 9, 0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
        assert_eq!(written(&metric, &labels, Value::Integer(1)), expected);
    }

    #[test]
    fn a_gauge_without_labels_is_one_too() {
        let metric = Metric::gauge("b", "1", "B", SOURCE);
        let mut expected = vec![21, 0x0a, 1, b'b', 0x12, 1, b'B', 0x18, 1];
        // Metric { gauge: { value: 0.25 } }
        expected.extend_from_slice(&[0x22, 11, 0x12, 9, 0x09, 0, 0, 0, 0, 0, 0, 0xd0, 0x3f]);
        assert_eq!(written(&metric, &LabelSet::new(), Value::Float(0.25)), expected);
    }

    #[test]
    fn a_family_without_samples_is_not_written() {
        let mut writer = ProtobufWriter::default();
        writer.family(&Metric::gauge("b", "1", "B", SOURCE), std::iter::empty());
        assert!(writer.finish().is_empty());
    }

    #[test]
    fn labels_stand_as_they_are() {
        let value = "quote \" backslash \\ line\nend ü 网络";
        let labels = LabelSet::new().with("pod", value);
        let out = written(&Metric::gauge("b", "1", "B", SOURCE), &labels, Value::Integer(0));
        let found = memchr::memmem::find(&out, value.as_bytes());
        assert_eq!(found, Some(9 + 2 + 2 + 5 + 2), "{out:?}");
    }

    #[test]
    fn samples_are_as_long_as_they_say_on_both_sides_of_a_second_byte() {
        for length in [90, 103, 104, 105, 106, 116, 117, 118, 16_250, 16_369, 16_370] {
            let labels = LabelSet::new().with("k", &"x".repeat(length));
            let out = written(&Metric::gauge("b", "1", "B", SOURCE), &labels, Value::Integer(0));
            let (family, at) = varint_at(&out, 0);
            assert_eq!(at + family, out.len(), "{length}");
            let metric = at + b"\x0a\x01b\x12\x01B\x18\x01".len();
            assert_eq!(out[metric], METRIC);
            let (sample, at) = varint_at(&out, metric + 1);
            assert_eq!(at + sample, out.len(), "{length}");
            assert_eq!(sample, labels.as_protobuf().len() + NUMBER_FIELD);
            assert_eq!(out[at], LABEL);
            let (pair, at) = varint_at(&out, at + 1);
            assert_eq!(at + pair + NUMBER_FIELD, out.len(), "{length}");
        }
    }

    #[test]
    fn whole_numbers_become_the_nearest_double() {
        for (integer, expected) in [
            (0, 0.0),
            (1 << 53, 9_007_199_254_740_992.0),
            ((1 << 53) + 1, 9_007_199_254_740_992.0),
            (u64::MAX, 18_446_744_073_709_551_616.0),
        ] {
            let text: f64 = integer.to_string().parse().unwrap();
            assert_eq!(double(integer).to_bits(), f64::to_bits(expected));
            assert_eq!(
                text.to_bits(),
                f64::to_bits(expected),
                "as a reader of the text has it"
            );
        }
    }

    /// The number that begins at `at`, and where it ends.
    fn varint_at(bytes: &[u8], mut at: usize) -> (usize, usize) {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = bytes[at];
            value |= usize::from(byte & 0x7f) << shift;
            (at, shift) = (at + 1, shift + 7);
            if byte < 0x80 {
                return (value, at);
            }
        }
    }
}
