//! How the row of a probe is put together from the counters of the pass.

use crate::kernel::bpf::{NetnsCounters, PassLayout, Place};
use crate::kernel::procfs::NetFile;
use crate::metrics::{Metric, Scope, Source};
use crate::probes::catalogue::PROBES;
use crate::probes::{ProbeSpec, Rows};

/// For each metric of a probe, the places whose numbers it adds.
#[derive(Debug)]
pub struct PassPlan {
    spec: &'static ProbeSpec,
    places: Vec<Vec<Place>>,
}

/// The plans of all probes whose metrics the pass has.
pub fn all(layout: &PassLayout) -> Vec<PassPlan> {
    PROBES
        .iter()
        .filter_map(|spec| PassPlan::of(spec, layout))
        .collect()
}

/// `true` for a probe that a pass could serve.
pub fn could_serve(spec: &ProbeSpec) -> bool {
    spec.metrics.iter().any(|metric| file_of(metric).is_some())
}

/// The file of a metric, if it is one whose numbers the pass reads too.
fn file_of(metric: &Metric) -> Option<NetFile> {
    match metric.source {
        // Orphans, allocations and memory of sockets are of the machine and not of a namespace.
        Source::Column { .. } if metric.scope == Scope::Node => None,
        Source::Column { file, .. } => Some(file).filter(|file| PASSED_FILES.contains(file)),
        Source::Other(_) => None,
    }
}

const PASSED_FILES: [NetFile; 4] = [
    NetFile::Snmp,
    NetFile::Netstat,
    NetFile::Sockstat,
    NetFile::NfConntrack,
];

impl PassPlan {
    /// None if the pass does not have the counters of this probe at all.
    fn of(spec: &'static ProbeSpec, layout: &PassLayout) -> Option<Self> {
        let places: Vec<Vec<Place>> = spec
            .metrics
            .iter()
            .map(|metric| places_of(metric, layout))
            .collect();
        places
            .iter()
            .any(|places| !places.is_empty())
            .then_some(Self { spec, places })
    }

    /// `false` if some metrics of the node are only in files.
    pub fn is_whole(&self) -> bool {
        self.spec
            .metrics
            .iter()
            .all(|metric| file_of(metric).is_some() && metric.scope == Scope::PodAndNode)
    }

    /// The probe it is for.
    pub fn probe(&self) -> &'static str {
        self.spec.name
    }

    /// Whose metrics it fills.
    pub fn spec(&self) -> &'static ProbeSpec {
        self.spec
    }

    /// Fills the row of an entity. What this kernel does not count stays empty.
    pub fn fill(&self, counters: &NetnsCounters, rows: &mut Rows, entity: usize) {
        let row = rows.samples.row_mut(entity);
        self.put(counters, row);
        if row.iter().any(Option::is_some) {
            rows.read += 1;
        }
    }

    /// Puts the numbers of one namespace into a row.
    pub fn put(&self, counters: &NetnsCounters, row: &mut [Option<u64>]) {
        for (cell, places) in row.iter_mut().zip(&self.places) {
            let numbers = places.iter().filter_map(|place| counters.number(*place));
            *cell = numbers.reduce(u64::wrapping_add);
        }
    }
}

fn places_of(metric: &Metric, layout: &PassLayout) -> Vec<Place> {
    let (
        Some(_),
        Source::Column {
            file,
            section,
            column,
            ipv6,
        },
    ) = (file_of(metric), metric.source)
    else {
        return Vec::new();
    };
    let twin = match (section, ipv6) {
        ("Udp", Some((file, _))) => layout.place(file, "Udp6", column),
        ("Ip", Some((file, _))) => layout.place(file, "Ip6", column),
        _ => None,
    };
    layout
        .place(file, section, column)
        .into_iter()
        .chain(twin)
        .collect()
}
