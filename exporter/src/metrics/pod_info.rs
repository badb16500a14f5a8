//! `kubeskoop_pod_info`: who is on this node.

use super::{Kind, Metric, Scope, Source};

/// The metric. It needs no probe.
pub const POD_INFO: Metric = Metric {
    name: "kubeskoop_pod_info",
    kind: Kind::Gauge,
    help: "1 for every pod seen on the node; the cheap series for dashboard variables and joins",
    unit: "1",
    scope: Scope::Pod,
    extra_labels: &["pod_uid", "pod_ip", "netns", "host_network"],
    source: Source::Other("the pods that the API server names, joined with the processes of the node"),
    span: None,
};
