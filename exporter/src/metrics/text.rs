//! Exposition as text, format 0.0.4
//! ([Exposition formats](https://prometheus.io/docs/instrumenting/exposition_formats/)).

use std::fmt::Write;

use memchr::{memchr2, memchr3};

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
        };
        extend(&mut self.out, &["\n# TYPE ", metric.name, kind]);
    }

    /// Writes a line. A whole number is written in full: the reader decides what a float of 64 bits
    /// makes of one beyond 2^53.
    fn sample(&mut self, name: &str, sample: Sample<'_>) {
        match sample.labels.as_str() {
            "" => extend(&mut self.out, &[name, " "]),
            labels => extend(&mut self.out, &[name, "{", labels, "} "]),
        }
        match sample.value {
            Value::Integer(number) => self.out.push_str(itoa::Buffer::new().format(number)),
            Value::Float(number) => {
                let _ = write!(self.out, "{number}");
            }
        }
        self.out.push('\n');
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
    use crate::metrics::Source;
    use crate::metrics::labels::LabelSet;

    const SOURCE: Source = Source::Other("test");

    #[test]
    fn a_family_is_help_type_and_samples() {
        let mut writer = TextWriter::default();
        let labels = LabelSet::new().with("k", "v");
        let value = Value::Integer(u64::MAX);
        let counter = Metric::counter("a_total", "1", "Back\\slash, \"quote\" and\nline.", SOURCE);
        let samples = [Sample {
            labels: &labels,
            value,
        }];
        writer.family(&counter, samples.into_iter());
        let labels = LabelSet::new();
        let value = Value::Float(0.25);
        let samples = [Sample {
            labels: &labels,
            value,
        }];
        writer.family(&Metric::gauge("b", "1", "B.", SOURCE), samples.into_iter());
        writer.family(&Metric::gauge("c", "1", "C.", SOURCE), std::iter::empty());
        let expected = "# HELP a_total Back\\\\slash, \"quote\" and\\nline.\n# TYPE a_total counter\n\
                        a_total{k=\"v\"} 18446744073709551615\n# HELP b B.\n# TYPE b gauge\nb 0.25\n";
        assert_eq!(String::from_utf8_lossy(&writer.finish()), expected);
    }
}
