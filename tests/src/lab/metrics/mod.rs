//! The text exposition format 0.0.4 (`text/plain; version=0.0.4`) and the protobuf one, read strictly.

mod line;
mod parse;
mod protobuf;

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};

/// One scrape.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    families: Vec<Family>,
}

/// The samples under one TYPE.
#[derive(Clone, Debug)]
pub struct Family {
    /// The name of the metric; those of the samples of a histogram or summary go on from it.
    pub name: String,
    /// The text of HELP, unescaped.
    pub help: Option<String>,
    /// The type.
    pub kind: Kind,
    /// The samples in their order.
    pub samples: Vec<Sample>,
}

/// The type of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Has `_bucket`, `_sum` and `_count`.
    Histogram,
    /// Has quantiles, `_sum` and `_count`.
    Summary,
    /// Says nothing.
    Untyped,
}

/// One line with a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The name as it stands, such as `latency_bucket`.
    pub name: String,
    /// The labels, unescaped.
    pub labels: BTreeMap<String, String>,
    /// The value as it stands; in protobuf it is a number.
    pub raw: String,
    /// The value.
    pub value: f64,
    /// The time in milliseconds, if the line has one.
    pub timestamp: Option<i64>,
}

impl Sample {
    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str)
    }

    /// Whether it has all of `labels`, among others or not.
    pub fn has(&self, labels: &[(&str, &str)]) -> bool {
        labels.iter().all(|(name, value)| self.label(name) == Some(value))
    }
}

impl Metrics {
    /// Reads a scrape.
    ///
    /// Beside what is no text format at all, these are errors that name their line: a series that
    /// comes twice, a sample without a TYPE before it, TYPE or HELP after samples or a second
    /// time, a family that goes on after another has begun.
    pub fn parse(text: &str) -> Result<Self> {
        Ok(Self {
            families: parse::families(text)?,
        })
    }

    /// Reads a scrape in the protobuf format: messages `MetricFamily`, each behind its length.
    ///
    /// Errors are what is no such message, fields that the format does not have or that are left
    /// out, values that are not of the type of the family, and what comes twice.
    pub fn parse_protobuf(bytes: &[u8]) -> Result<Self> {
        Ok(Self {
            families: protobuf::families(bytes)?,
        })
    }

    /// The families in their order.
    pub fn families(&self) -> &[Family] {
        &self.families
    }

    /// One family by its name.
    pub fn family(&self, name: &str) -> Option<&Family> {
        self.families.iter().find(|family| family.name == name)
    }

    /// All samples with exactly this name.
    pub fn samples<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Sample> {
        self.families
            .iter()
            .filter(move |family| name.starts_with(&family.name))
            .flat_map(|family| &family.samples)
            .filter(move |sample| sample.name == name)
    }

    /// The samples with exactly this name and at least these labels.
    pub fn matching(&self, name: &str, labels: &[(&str, &str)]) -> Vec<&Sample> {
        self.samples(name).filter(|sample| sample.has(labels)).collect()
    }

    /// The value of the one sample with this name and at least these labels; none if there is no
    /// such sample or more than one.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        match self.matching(name, labels)[..] {
            [sample] => Some(sample.value),
            _ => None,
        }
    }

    /// The same as a whole number.
    pub fn number(&self, name: &str, labels: &[(&str, &str)]) -> Result<u64> {
        match self.matching(name, labels)[..] {
            [sample] => sample.raw.parse().with_context(|| format!("{sample:?}")),
            ref other => bail!("{} series are {name}{labels:?}", other.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const TEXT: &str = "\
# HELP drops Packets dropped.
# TYPE drops counter
drops{k8s_pod=\"a\",reason=\"full\"} 3
drops{k8s_pod=\"a\",reason=\"late\"} 4
drops{k8s_pod=\"b\",reason=\"full\"} 5
# TYPE drops_total gauge
drops_total 12
# TYPE wait histogram
wait_bucket{le=\"+Inf\"} 2
wait_sum 0.5
wait_count 2
";

    #[test]
    fn finds_values_by_some_of_their_labels() {
        let metrics = Metrics::parse(TEXT).unwrap();
        assert_eq!(metrics.value("drops", &[("k8s_pod", "b")]), Some(5.0));
        assert_eq!(metrics.value("drops", &[("k8s_pod", "a")]), None, "two of them");
        assert_eq!(
            metrics.value("drops", &[("reason", "late"), ("k8s_pod", "a")]),
            Some(4.0)
        );
        assert_eq!(metrics.value("drops", &[("k8s_pod", "c")]), None);
        assert_eq!(metrics.value("drops_total", &[]), Some(12.0));
        assert_eq!(metrics.value("wait_count", &[]), Some(2.0));
        assert_eq!(metrics.value("wait", &[]), None);
        assert_eq!(metrics.samples("drops").count(), 3);
        assert_eq!(metrics.matching("drops", &[("reason", "full")]).len(), 2);
    }

    #[test]
    fn keeps_the_families() {
        let metrics = Metrics::parse(TEXT).unwrap();
        let names: Vec<_> = metrics.families().iter().map(|family| &family.name[..]).collect();
        assert_eq!(names, ["drops", "drops_total", "wait"]);
        let drops = metrics.family("drops").unwrap();
        assert_eq!(
            (drops.kind, drops.help.as_deref()),
            (Kind::Counter, Some("Packets dropped."))
        );
        assert_eq!(drops.samples[0].label("reason"), Some("full"));
        assert_eq!(metrics.family("wait").unwrap().kind, Kind::Histogram);
        assert!(metrics.family("drop").is_none());
    }
}
