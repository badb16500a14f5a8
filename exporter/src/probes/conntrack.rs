//! Connection tracking of a namespace (`net/netfilter/nf_conntrack_core.c`).

use super::{FileProbe, NetnsView, NodeView, Probe, ProbeError, ProbeSpec};
use crate::kernel::procfs::{NetFile, conntrack, decimal};
use crate::metrics::{Metric, Scope, Source};

pub static PROBE: ProbeSpec = ProbeSpec {
    name: "conntrack",
    older_names: &[],
    default: true,
    about: "Connection tracking: entries, races lost, packets refused",
    args: &[],
    metrics: METRICS,
    build: |_| Ok(Probe::files(Conntrack::new())),
};

const LIMIT: &str = "sys/net/netfilter/nf_conntrack_max";
const NOT_HERE: &str = "connection tracking is not loaded, or built without /proc/net/stat/nf_conntrack";

const fn of(column: &'static str) -> Source {
    Source::Column {
        file: NetFile::NfConntrack,
        section: "",
        column,
        ipv6: None,
    }
}

const METRICS: &[Metric] = &[
    Metric::counter(
        "kubeskoop_conntrack_found",
        "lookups",
        "Lookups that hit an entry",
        of("found"),
    ),
    Metric::counter(
        "kubeskoop_conntrack_invalid",
        "packets",
        "Packets that could not be tracked (not dropped by conntrack itself)",
        of("invalid"),
    ),
    Metric::counter(
        "kubeskoop_conntrack_ignore",
        "packets",
        "Packets already tracked or not to be tracked (0 on newer kernels)",
        of("ignore"),
    ),
    Metric::counter(
        "kubeskoop_conntrack_insert",
        "entries",
        "Entries inserted (unused, 0 on most kernels)",
        of("insert"),
    ),
    Metric::counter(
        "kubeskoop_conntrack_insertfailed",
        "events",
        "Insert races lost: same tuple existed already",
        of("insert_failed"),
    ),
    Metric::counter(
        "kubeskoop_conntrack_drop",
        "packets",
        "Packets dropped since a new entry could not be allocated",
        of("drop"),
    ),
    Metric::counter(
        "kubeskoop_conntrack_earlydrop",
        "entries",
        "Entries evicted to make room when the table was full",
        of("early_drop"),
    ),
    Metric::counter(
        "kubeskoop_conntrack_error",
        "packets",
        "Packets with a protocol error (bad ICMP etc.)",
        of("icmp_error"),
    ),
    Metric::counter(
        "kubeskoop_conntrack_searchrestart",
        "events",
        "Lookups restarted since the hash table changed",
        of("search_restart"),
    ),
    Metric::gauge(
        "kubeskoop_conntrack_entries",
        "entries",
        "Entries now in the table",
        of("entries"),
    ),
    Metric::gauge(
        "kubeskoop_conntrack_maxentries",
        "entries",
        "Most entries the tables of the machine may hold",
        Source::Other("/proc/sys/net/netfilter/nf_conntrack_max"),
    )
    .of_node(),
];

#[derive(Debug)]
struct Conntrack {
    columns: Vec<(&'static str, usize)>,
    limit: Option<u64>,
}

impl Conntrack {
    fn new() -> Self {
        let columns = METRICS
            .iter()
            .enumerate()
            .filter_map(|(slot, metric)| match metric.source {
                Source::Column { column, .. } => Some((column, slot)),
                Source::Other(_) => None,
            });
        Self {
            columns: columns.collect(),
            limit: None,
        }
    }
}

impl FileProbe for Conntrack {
    fn files(&self) -> &'static [NetFile] {
        &[NetFile::NfConntrack]
    }

    fn prepare(&mut self, node: &NodeView<'_>) -> Result<(), ProbeError> {
        self.limit = node
            .procfs
            .read(LIMIT)
            .ok()
            .and_then(|text| decimal(text.trim_ascii()));
        Ok(())
    }

    fn read(&mut self, netns: &NetnsView<'_>, row: &mut [Option<u64>]) -> Result<(), ProbeError> {
        let text = netns
            .optional_text(NetFile::NfConntrack)?
            .ok_or(ProbeError::NotApplicable(NOT_HERE.into()))?;
        conntrack::read(text, &self.columns, row).map_err(ProbeError::parse(NetFile::NfConntrack))?;
        if netns.is_host
            && let Some(slot) = METRICS.iter().position(|metric| metric.scope == Scope::Node)
        {
            row[slot] = self.limit;
        }
        Ok(())
    }
}
