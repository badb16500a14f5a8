//! The contract: `contract/metrics.tsv`.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::tools::workspace_root;

/// The probes that are built.
pub const PROBES: [&str; 22] = [
    "netdev",
    "qdisc",
    "tcp",
    "udp",
    "ip",
    "tcpext",
    "sock",
    "softnet",
    "conntrack",
    "ipvs",
    "slab",
    "tcpsummary",
    "io",
    "fd",
    "packetloss",
    "tcpreset",
    "tcpretrans",
    "virtcmdlatency",
    "softirq",
    "netiftxlat",
    "socketlatency",
    "kernellatency",
];

/// What stands for a probe with metrics that need none.
const WITHOUT_PROBE: [&str; 2] = ["(self)", "(always)"];

/// Of the metrics that need no probe those that are not built yet, and why.
pub const NOT_BUILT: [(&str, &str); 2] = [
    ("kubeskoop_exporter_events_total", "there are no events"),
    ("kubeskoop_exporter_events_lost_total", "there are no events"),
];

/// What says something of pods and their watch, which a plain host does not have.
const OF_A_CLUSTER: [&str; 3] = [
    "kubeskoop_exporter_kube_watch_up",
    "kubeskoop_exporter_pods",
    "kubeskoop_pod_info",
];

/// A metric of the contract.
#[derive(Debug)]
pub struct Row {
    pub name: String,
    pub kind: String,
    pub labels: BTreeSet<String>,
    pub scope: String,
    pub probe: String,
    /// Empty where nothing is agreed on it.
    pub unit: String,
}

impl Row {
    /// Whether this version of the exporter is to have it.
    pub fn is_built(&self) -> bool {
        self.is_of_probe()
            || (WITHOUT_PROBE.contains(&self.probe.as_str())
                && NOT_BUILT.iter().all(|(name, _)| *name != self.name))
    }

    /// Whether a plain host has it, too.
    pub fn is_of_plain_host(&self) -> bool {
        !OF_A_CLUSTER.contains(&self.name.as_str())
    }

    /// Whether it is one of a probe that is built.
    pub fn is_of_probe(&self) -> bool {
        PROBES.contains(&self.probe.as_str())
    }

    /// Whether each namespace, or the node, has several series of it, as many as something has
    /// happened to them, and none before.
    pub fn is_by_reason(&self) -> bool {
        self.labels.contains("reason")
    }

    /// The labels of its series on a plain host, where `netns` tells the namespaces apart.
    pub fn labels_on_a_plain_host(&self) -> BTreeSet<String> {
        let mut labels = self.labels.clone();
        if labels.contains("k8s_pod") {
            labels.insert("netns".to_owned());
        }
        labels
    }
}

/// The whole contract.
#[derive(Debug)]
pub struct Contract {
    rows: Vec<Row>,
}

impl Contract {
    /// Reads it. A metric that stands in it twice is an error.
    pub fn read() -> Result<Self> {
        let file = workspace_root()?.join("tests/contract/metrics.tsv");
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let mut lines = text.lines();
        let head = lines.next().context("the contract is empty")?;
        ensure!(
            head == "name\ttype\tlabels\tscope\tprobe\tunit\tolder_name",
            "the contract has other columns: {head}"
        );
        let rows = lines.map(row).collect::<Result<Vec<_>>>()?;
        let names: BTreeSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        ensure!(names.len() == rows.len(), "the contract has a metric twice");
        Ok(Self { rows })
    }

    /// The metrics this version is to have.
    pub fn built(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.is_built())
    }

    /// A metric by its name.
    pub fn find(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.name == name)
    }
}

fn row(line: &str) -> Result<Row> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [name, kind, labels, scope, probe, unit, _older_name] = fields[..] else {
        anyhow::bail!("the contract has a line of {} columns: {line}", fields.len());
    };
    Ok(Row {
        name: name.to_owned(),
        kind: kind.to_owned(),
        labels: set_of(labels.split(',').filter(|label| !label.is_empty())),
        scope: scope.to_owned(),
        probe: probe.to_owned(),
        unit: unit.to_owned(),
    })
}

/// Labels as a set.
pub fn set_of<'a>(labels: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    labels.map(str::to_owned).collect()
}
