//! Text exposition, format 0.0.4.

use super::labels::LabelSet;
use super::{Kind, Metric};

/// `Content-Type` of the format.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Writes families one after another into a buffer.
#[derive(Debug, Default)]
pub struct TextWriter {
    out: Vec<u8>,
}

impl TextWriter {
    /// A writer with room for about `capacity` bytes.
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            out: Vec::with_capacity(capacity),
        }
    }

    /// Begins the family of a declared metric.
    pub fn family_of(&mut self, metric: &Metric) {
        self.family(metric.name, metric.kind, metric.help);
    }

    /// Begins a family: its HELP and its TYPE.
    pub fn family(&mut self, name: &str, kind: Kind, help: &str) {
        self.extend(&["# HELP ", name, " "]);
        for character in help.chars() {
            match character {
                '\\' => self.extend(&["\\\\"]),
                '\n' => self.extend(&["\\n"]),
                other => self.extend(&[other.encode_utf8(&mut [0; 4])]),
            }
        }
        let kind = match kind {
            Kind::Counter => " counter\n",
            Kind::Gauge => " gauge\n",
        };
        self.extend(&["\n# TYPE ", name, kind]);
    }

    /// Writes a sample with a whole number. It is written in full: the reader decides what a
    /// float of 64 bits makes of a number beyond 2^53.
    pub fn integer(&mut self, name: &str, labels: &LabelSet, value: u64) {
        self.name(name, labels);
        self.out
            .extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        self.out.push(b'\n');
    }

    /// Writes a sample with a fraction.
    pub fn float(&mut self, name: &str, labels: &LabelSet, value: f64) {
        self.name(name, labels);
        self.extend(&[&value.to_string(), "\n"]);
    }

    /// The text written so far.
    pub fn finish(self) -> Vec<u8> {
        self.out
    }

    fn name(&mut self, name: &str, labels: &LabelSet) {
        if labels.as_str().is_empty() {
            self.extend(&[name, " "]);
        } else {
            self.extend(&[name, "{", labels.as_str(), "} "]);
        }
    }

    fn extend(&mut self, parts: &[&str]) {
        for part in parts {
            self.out.extend_from_slice(part.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_help_type_and_samples() {
        let mut writer = TextWriter::default();
        writer.family("a_total", Kind::Counter, "Back\\slash and\nline.");
        writer.integer("a_total", &LabelSet::new().with("k", "v"), u64::MAX);
        writer.family("b", Kind::Gauge, "B.");
        writer.float("b", &LabelSet::new(), 0.25);
        let expected = "# HELP a_total Back\\\\slash and\\nline.\n# TYPE a_total counter\n\
                        a_total{k=\"v\"} 18446744073709551615\n# HELP b B.\n# TYPE b gauge\nb 0.25\n";
        assert_eq!(String::from_utf8_lossy(&writer.finish()), expected);
    }
}
