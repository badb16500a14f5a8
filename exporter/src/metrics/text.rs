//! Exposition as text, format 0.0.4
//! ([Exposition formats](https://prometheus.io/docs/instrumenting/exposition_formats/)).

use std::fmt::Write;

use memchr::{memchr2, memchr3};

use super::histogram::Histogram;
use super::labels::LabelSet;
use super::writer::{FamilyWriter, Sample, Value};
use super::{Kind, Metric};

/// `Content-Type` of the format.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Writes families one after another into a buffer.
#[derive(Debug, Default)]
pub struct TextWriter {
    out: String,
}

impl TextWriter {
    /// A writer with room for about `capacity` bytes.
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            out: String::with_capacity(capacity),
        }
    }

    fn help_and_type(&mut self, metric: &Metric) {
        extend(&mut self.out, &["# HELP ", metric.name, " "]);
        push_help(&mut self.out, metric.help);
        let kind = match metric.kind {
            Kind::Counter => " counter\n",
            Kind::Gauge => " gauge\n",
            Kind::Histogram => " histogram\n",
        };
        extend(&mut self.out, &["\n# TYPE ", metric.name, kind]);
    }

    /// Writes a line. A whole number is written in full: the reader decides what a float of 64 bits
    /// makes of one beyond 2^53.
    fn sample(&mut self, name: &str, sample: Sample<'_>) {
        match sample.value {
            Value::Integer(number) => self.integer(&[name], sample, "", number),
            Value::Float(number) => self.float(&[name], sample, number),
            Value::Histogram(histogram, first) => self.histogram(name, sample, histogram, first),
        }
    }

    fn histogram(&mut self, name: &str, sample: Sample<'_>, histogram: &Histogram, first: usize) {
        for (le, count) in histogram.classic(first) {
            self.integer(&[name, "_bucket"], sample, le, count);
        }
        let count = histogram.count();
        self.integer(&[name, "_bucket"], sample, "+Inf", count);
        self.float(&[name, "_sum"], sample, histogram.sum_in_seconds());
        self.integer(&[name, "_count"], sample, "", count);
    }

    fn integer(&mut self, name: &[&str], sample: Sample<'_>, le: &str, number: u64) {
        self.name_and_labels(name, sample, le);
        self.out.push_str(itoa::Buffer::new().format(number));
        self.out.push('\n');
    }

    fn float(&mut self, name: &[&str], sample: Sample<'_>, number: f64) {
        self.name_and_labels(name, sample, "");
        let _ = writeln!(self.out, "{number}");
    }

    /// Without an `le` there is no such label.
    fn name_and_labels(&mut self, name: &[&str], sample: Sample<'_>, le: &str) {
        extend(&mut self.out, name);
        let own = sample.own_labels.map_or("", LabelSet::as_str);
        let mut before = "{";
        for labels in [sample.labels.as_str(), own] {
            if !labels.is_empty() {
                extend(&mut self.out, &[before, labels]);
                before = ",";
            }
        }
        if !le.is_empty() {
            extend(&mut self.out, &[before, "le=\"", le, "\""]);
            before = ",";
        }
        self.out.push_str(if before == "{" { " " } else { "} " });
    }
}

impl FamilyWriter for TextWriter {
    fn family<'a>(&mut self, metric: &Metric, samples: impl Iterator<Item = Sample<'a>>) {
        let mut samples = samples.peekable();
        if samples.peek().is_some() {
            self.help_and_type(metric);
        }
        for sample in samples {
            self.sample(metric.name, sample);
        }
    }

    fn finish(self) -> Vec<u8> {
        self.out.into_bytes()
    }
}

/// Adds a label to what stands between the braces of a sample.
pub(super) fn push_label(labels: &mut String, name: &str, value: &str) {
    let comma = if labels.is_empty() { "" } else { "," };
    extend(labels, &[comma, name, "=\""]);
    if memchr3(b'\\', b'"', b'\n', value.as_bytes()).is_none() {
        labels.push_str(value);
    } else {
        push_escaped(labels, value, true);
    }
    labels.push('"');
}

fn push_help(out: &mut String, help: &str) {
    if memchr2(b'\\', b'\n', help.as_bytes()).is_none() {
        out.push_str(help);
    } else {
        push_escaped(out, help, false);
    }
}

fn push_escaped(out: &mut String, value: &str, quotes: bool) {
    for character in value.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if quotes => out.push_str("\\\""),
            other => out.push(other),
        }
    }
}

fn extend(out: &mut String, parts: &[&str]) {
    for part in parts {
        out.push_str(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::histogram::CLASSIC;
    use crate::metrics::{Source, Span};

    const SOURCE: Source = Source::Other("test");
    const SPAN: &Span = &Span {
        between: "",
        contains: "",
        leaves_out: "",
        hooks: "",
        cost: "",
    };

    #[test]
    fn a_family_is_help_type_and_samples() {
        let mut writer = TextWriter::default();
        let labels = LabelSet::new().with("k", "v");
        let value = Value::Integer(u64::MAX);
        let counter = Metric::counter("a_total", "1", "Back\\slash, \"quote\" and\nline.", SOURCE);
        let samples = [Sample {
            labels: &labels,
            own_labels: None,
            value,
        }];
        writer.family(&counter, samples.into_iter());
        let labels = LabelSet::new();
        let value = Value::Float(0.25);
        let samples = [Sample {
            labels: &labels,
            own_labels: None,
            value,
        }];
        writer.family(&Metric::gauge("b", "1", "B.", SOURCE), samples.into_iter());
        writer.family(&Metric::gauge("c", "1", "C.", SOURCE), std::iter::empty());
        let expected = "# HELP a_total Back\\\\slash, \"quote\" and\\nline.\n# TYPE a_total counter\n\
                        a_total{k=\"v\"} 18446744073709551615\n# HELP b B.\n# TYPE b gauge\nb 0.25\n";
        assert_eq!(String::from_utf8_lossy(&writer.finish()), expected);
    }

    #[test]
    fn a_histogram_is_its_buckets_sum_and_count_and_labels_of_its_own_come_second() {
        let mut writer = TextWriter::default();
        let (owner, own) = (LabelSet::new().with("k", "v"), LabelSet::new().with("t", "rx"));
        let mut histogram = Histogram::default();
        histogram.cells[0] = 3;
        histogram.cells[histogram.cells.len() - 1] = 1;
        histogram.sum = 20_500_000_000;
        let first = CLASSIC.len() - 2;
        let samples = [(&owner, Some(&own)), (&owner, None)].map(|(labels, own_labels)| Sample {
            labels,
            own_labels,
            value: Value::Histogram(&histogram, first),
        });
        writer.family(&Metric::histogram("h", "H", SOURCE, SPAN), samples.into_iter());
        let expected = r#"# HELP h H
# TYPE h histogram
h_bucket{k="v",t="rx",le="5"} 3
h_bucket{k="v",t="rx",le="10"} 3
h_bucket{k="v",t="rx",le="+Inf"} 4
h_sum{k="v",t="rx"} 20.5
h_count{k="v",t="rx"} 4
h_bucket{k="v",le="5"} 3
h_bucket{k="v",le="10"} 3
h_bucket{k="v",le="+Inf"} 4
h_sum{k="v"} 20.5
h_count{k="v"} 4
"#;
        assert_eq!(String::from_utf8(writer.finish()).unwrap(), expected);
    }
}
