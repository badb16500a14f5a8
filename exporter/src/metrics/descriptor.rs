//! The declaration of a metric, from which HELP, TYPE, the documentation and the contract check derive.

use std::borrow::Cow;
use std::fmt;

use super::histogram::{CLASSIC, FIRST_OF_POD};
use crate::kernel::procfs::NetFile;

/// Type of a metric in the exposition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only ever grows while its owner lives.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Times by size, in seconds.
    Histogram,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        })
    }
}

/// For what a metric has a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Every pod (or network namespace), and the node itself with empty pod labels.
    PodAndNode,
    /// Every pod.
    Pod,
    /// The node only, with empty pod labels.
    Node,
    /// The machine the node runs on, of which no network namespace has a part: the label of the
    /// node stands alone.
    Machine,
    /// The exporter itself, without labels that say whose the number is.
    Exporter,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PodAndNode => "pod+node",
            Self::Pod => "pod",
            Self::Node | Self::Machine | Self::Exporter => "node",
        })
    }
}

/// Where the kernel keeps a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A column of a section of a file of the namespace, plus its IPv6 twin in `snmp6`.
    Column {
        /// The file.
        file: NetFile,
        /// The section, such as `Tcp`; empty where the file has none.
        section: &'static str,
        /// The column.
        column: &'static str,
        /// What is added: the file and the name of the IPv6 counter.
        ipv6: Option<(NetFile, &'static str)>,
    },
    /// Described in words.
    Other(&'static str),
}

impl Source {
    /// The source in words, for the documentation.
    pub fn describe(&self) -> Cow<'static, str> {
        match *self {
            Self::Other(words) => words.into(),
            Self::Column {
                file,
                section,
                column,
                ipv6,
            } => {
                let section = if section.is_empty() {
                    String::new()
                } else {
                    format!("{section}: ")
                };
                let plus = ipv6
                    .map(|(file, name)| format!(" + /proc/<pid>/{file} {name}"))
                    .unwrap_or_default();
                format!("/proc/<pid>/{file} {section}{column}{plus}").into()
            }
        }
    }
}

/// What a histogram of times measures, for whoever has to act on it.
#[derive(Debug)]
pub struct Span {
    /// From which hook to which.
    pub between: &'static str,
    /// What takes time in between.
    pub contains: &'static str,
    /// What it does not see.
    pub leaves_out: &'static str,
    /// What the kernel must let programs hang on, and what stands in.
    pub hooks: &'static str,
    /// What an event costs.
    pub cost: &'static str,
}

/// One metric: everything that is said of it, in one place.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Name in the exposition.
    pub name: &'static str,
    /// Type in the exposition.
    pub kind: Kind,
    /// What the number counts.
    pub help: &'static str,
    /// Unit of the number.
    pub unit: &'static str,
    /// For what there is a series.
    pub scope: Scope,
    /// Labels beside those that say whose number it is.
    pub extra_labels: &'static [&'static str],
    /// Where the number comes from.
    pub source: Source,
    /// Of a histogram, what it measures.
    pub span: Option<&'static Span>,
}

/// Labels that say whose a number is, that of the node first.
pub const OWNER_LABELS: [&str; 3] = ["k8s_node", "k8s_namespace", "k8s_pod"];

impl Metric {
    /// Every label of a series: whose it is, then its own.
    pub fn labels(&self) -> Vec<&'static str> {
        let owner = match self.scope {
            Scope::PodAndNode | Scope::Pod | Scope::Node => &OWNER_LABELS[..],
            Scope::Machine => &OWNER_LABELS[..1],
            Scope::Exporter => &[],
        };
        owner.iter().chain(self.extra_labels).copied().collect()
    }

    /// Values of the label `le` of a histogram, `+Inf` apart, where no argument of its probe asks for more.
    pub fn buckets(&self) -> Vec<&'static str> {
        let first = match (self.kind, self.scope) {
            (Kind::Counter | Kind::Gauge, _) => CLASSIC.len(),
            (Kind::Histogram, Scope::PodAndNode | Scope::Pod) => FIRST_OF_POD,
            (Kind::Histogram, Scope::Node | Scope::Machine | Scope::Exporter) => 0,
        };
        CLASSIC[first..].iter().map(|(_, le)| *le).collect()
    }

    /// A counter of every pod and of the node.
    pub const fn counter(name: &'static str, unit: &'static str, help: &'static str, source: Source) -> Self {
        let (kind, scope) = (Kind::Counter, Scope::PodAndNode);
        Self {
            name,
            kind,
            help,
            unit,
            scope,
            extra_labels: &[],
            source,
            span: None,
        }
    }

    /// A gauge of every pod and of the node.
    pub const fn gauge(name: &'static str, unit: &'static str, help: &'static str, source: Source) -> Self {
        Self {
            kind: Kind::Gauge,
            ..Self::counter(name, unit, help, source)
        }
    }

    /// A histogram of times of every pod and of the node.
    pub const fn histogram(
        name: &'static str,
        help: &'static str,
        source: Source,
        span: &'static Span,
    ) -> Self {
        Self {
            kind: Kind::Histogram,
            span: Some(span),
            ..Self::counter(name, "seconds", help, source)
        }
    }

    /// The same metric with a series for the node only.
    #[must_use]
    pub const fn of_node(self) -> Self {
        Self {
            scope: Scope::Node,
            ..self
        }
    }

    /// The same metric with a series for the machine, without pod labels.
    #[must_use]
    pub const fn of_machine(self) -> Self {
        Self {
            scope: Scope::Machine,
            ..self
        }
    }

    /// The same metric with further labels.
    #[must_use]
    pub const fn with_labels(self, extra_labels: &'static [&'static str]) -> Self {
        Self { extra_labels, ..self }
    }
}
