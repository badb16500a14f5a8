//! One file a probe: the metrics it exports as a table, and the function that reads them.

pub mod catalogue;

mod columns;
mod conntrack;
mod error;
mod fd;
mod io;
mod ip;
mod ipvs;
mod kernellatency;
mod latencies;
pub(crate) mod latency;
mod netdev;
mod netiftxlat;
mod packetloss;
mod qdisc;
mod readings;
mod rows;
mod slab;
mod sock;
mod socketlatency;
mod softirq;
mod softnet;
mod spans;
mod tcp;
mod tcpext;
mod tcpreset;
mod tcpretrans;
mod tcpsummary;
mod tracer;
mod udp;
mod virtcmdlatency;

pub use error::ProbeError;
pub use packetloss::reasons as drop_reasons;
pub use rows::Rows;

use std::sync::Arc;

use crate::config::{Args, ConfigError};
use crate::kernel::bpf::slots::FULL;
use crate::kernel::bpf::{BpfError, Counts, FileSnapshot, Table, TaskSnapshot, Tracing};
use crate::kernel::procfs::{NetFile, NetnsFiles, ProcFs};
use crate::metrics::Metric;
use crate::node::Entities;

/// A probe as the catalogue knows it.
pub struct ProbeSpec {
    /// Its name in the configuration.
    pub name: &'static str,
    /// Names it had in older products.
    pub older_names: &'static [&'static str],
    /// Whether it runs when the configuration lists no probes.
    pub default: bool,
    /// What its numbers tell, in a sentence.
    pub about: &'static str,
    /// What it takes under `args`, for the documentation: key and meaning.
    pub args: &'static [(&'static str, &'static str)],
    /// Its metrics, in the order of the cells of a row.
    pub metrics: &'static [Metric],
    /// Makes one from its arguments.
    pub build: fn(&Args) -> Result<Probe, ConfigError>,
}

impl std::fmt::Debug for ProbeSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProbeSpec")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A probe, by how it is collected.
pub enum Probe {
    /// Namespace by namespace, from files that probes share.
    Files(Box<dyn FileProbe>),
    /// All at once, by itself.
    Node(Box<dyn NodeProbe>),
}

impl Probe {
    /// One that reads files.
    pub fn files(probe: impl FileProbe + 'static) -> Self {
        Self::Files(Box::new(probe))
    }

    /// One that gathers everything by itself.
    pub fn node(probe: impl NodeProbe + 'static) -> Self {
        Self::Node(Box::new(probe))
    }

    /// The pass that it takes its numbers from by itself.
    pub fn pass(&self) -> Option<Pass> {
        match self {
            Self::Files(_) => None,
            Self::Node(probe) => probe.pass(),
        }
    }
}

/// A BPF pass over everything there is of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// Over all tasks.
    Tasks,
    /// Over all tasks and over all open files.
    Files,
    /// Over all tasks, which tells the programs that count by themselves whose namespaces to count.
    Tracing,
}

/// What the passes of a collection saw.
#[derive(Debug, Default, Clone)]
pub struct Seen {
    /// By the one over all tasks.
    pub tasks: Option<Arc<TaskSnapshot>>,
    /// By the one over all open files.
    pub files: Option<Arc<FileSnapshot>>,
    /// Whom programs count that count by themselves.
    pub traced: Option<Arc<Traced>>,
    /// Why programs count for nobody.
    pub why_not_traced: Option<BpfError>,
}

/// By which numbers programs count for whom.
#[derive(Debug)]
pub struct Traced {
    /// What they share.
    pub tracing: Arc<Tracing>,
    /// Whether the kernel measures how long they run.
    pub measured: bool,
    /// The slot of each exported entity; none if no task is in it, or if there are too many.
    pub slots: Vec<Option<u32>>,
}

impl Traced {
    /// The entities that are counted, by their places, and the slot of each.
    pub fn counted(&self) -> impl Iterator<Item = (usize, u32)> + '_ {
        let slots = self.slots.iter().enumerate();
        slots.filter_map(|(entity, slot)| Some((entity, (*slot)?)))
    }

    /// The counters of all slots in use, and of those of nobody.
    ///
    /// # Errors
    /// The table cannot be read.
    pub fn counts(&self, table: &Table) -> Result<Counts, BpfError> {
        let last = self.slots.iter().flatten().max();
        table.read_until(last.copied().unwrap_or(FULL) + 1)
    }
}

/// A probe that gathers the numbers of all entities by itself, over netlink or in one pass.
pub trait NodeProbe: Send {
    /// Where its numbers came from the last time: `netlink`, `procfs` or `bpf`.
    fn source(&self) -> &'static str;

    /// The pass that it takes its numbers from where that works, see [`NodeView::seen`].
    fn pass(&self) -> Option<Pass> {
        None
    }

    /// Fills the rows of every entity it has numbers for.
    ///
    /// # Errors
    /// There are no numbers for anyone. What concerns one entity is noted in its row.
    fn collect(&mut self, node: &NodeView<'_>, rows: &mut Rows) -> Result<(), ProbeError>;
}

/// A probe whose numbers stand in the files of each network namespace.
pub trait FileProbe: Send {
    /// The files it reads. Probes that share a file are collected together.
    fn files(&self) -> &'static [NetFile];

    /// `true` if it reads the namespace of the host only.
    fn is_of_node(&self) -> bool {
        false
    }

    /// Called once a collection, before the namespaces are read.
    ///
    /// # Errors
    /// Something of the node itself cannot be read; the probe then gives no numbers this time.
    fn prepare(&mut self, _node: &NodeView<'_>) -> Result<(), ProbeError> {
        Ok(())
    }

    /// Fills the row of one namespace, a cell for each metric of its [`ProbeSpec`].
    ///
    /// # Errors
    /// A file is missing or not understood; the row is then discarded.
    fn read(&mut self, netns: &NetnsView<'_>, row: &mut [Option<u64>]) -> Result<(), ProbeError>;
}

/// What a probe may ask about the node as a whole.
#[derive(Debug)]
pub struct NodeView<'a> {
    /// The proc filesystem.
    pub procfs: &'a ProcFs,
    /// Everyone on the node.
    pub entities: &'a Entities,
    /// What the passes saw; nothing if this probe is not to trust them.
    pub seen: &'a Seen,
}

/// The namespace a probe is reading.
#[derive(Debug)]
pub struct NetnsView<'a> {
    /// The files the probe asked for.
    pub files: &'a NetnsFiles,
    /// `true` for the namespace of the host, which alone has the metrics of the node.
    pub is_host: bool,
}

impl NetnsView<'_> {
    /// The text of a file that must be there.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn text(&self, file: NetFile) -> Result<&[u8], ProbeError> {
        self.files.text(file).map_err(|error| ProbeError::Read {
            file,
            kind: error.kind(),
        })
    }

    /// The text of a file that some kernels do not have.
    ///
    /// # Errors
    /// It is there and cannot be read.
    pub fn optional_text(&self, file: NetFile) -> Result<Option<&[u8]>, ProbeError> {
        match self.text(file) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }
}
