//! Every key the file may have: the documentation is made from this table, and a key that is not
//! in it gets a warning.

use super::Warning;
use super::document::{Node, Value};

/// A key of the file.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its path; `[]` stands for the items of a list, a last `*` for anything below.
    pub path: &'static str,
    /// What holds without it.
    pub default: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

const fn key(path: &'static str, default: &'static str, meaning: &'static str) -> Key {
    Key {
        path,
        default,
        meaning,
    }
}

/// The keys of this generation.
pub const KEYS: &[Key] = &[
    key(
        "debugMode",
        "`false`",
        "Debug logs, and `/debug/*` for loopback clients (a CPU profile, a dump of the state); otherwise those paths answer 404",
    ),
    key(
        "address",
        "`:9102`",
        "Where HTTP is served: `host:port`, `[v6]:port`, `:port` for every address, or `unix:///path`",
    ),
    key("port", "", "Older form of `address`: `port: N` means `:N`"),
    key(
        "interval",
        "`5s`",
        "Collections are not repeated more often than this; with `0` every scrape collects",
    ),
    key(
        "verbose",
        "`false`",
        "Adds the labels `netns` and `pod_ip` to every series of a pod",
    ),
    key(
        "metrics.probes[].name",
        "see the list of probes",
        "A probe to run. The list replaces the default. An unknown name is a warning",
    ),
    key(
        "metrics.probes[].args.*",
        "none",
        "What the probe takes, see the list of probes",
    ),
    key(
        "metrics.additionalLabels[]",
        "none",
        "`label=expression`, added to every series that belongs to a pod or the node. `${labels:<pod label>}` in the expression, any number of times, is the value of that label of the pod, empty where it has none",
    ),
    key(
        "metrics.maxSeries",
        "`200000`",
        "Past it whole probes are left out, from the end of the list of probes, and counted in `kubeskoop_exporter_series_dropped_total`",
    ),
    key(
        "event.probes[].name",
        "none",
        "Accepted; this version sends no events",
    ),
    key(
        "event.probes[].args.*",
        "none",
        "Accepted; this version sends no events",
    ),
    key(
        "event.sinks[].name",
        "none",
        "Accepted; this version sends no events",
    ),
    key(
        "event.sinks[].args.*",
        "none",
        "Accepted; this version sends no events",
    ),
    key(
        "kubernetes.enabled",
        "`auto`",
        "Whether the API server names the pods. `auto`: in a cluster, that is with a service account's token. `true`: also outside, by the file that `$KUBECONFIG` names, and not ready while pods are not in sync. `false`: a plain host, where namespaces are told apart by the label `netns`",
    ),
    key(
        "kubernetes.nodeName",
        "`$NODE_NAME`, `$INSPECTOR_NODENAME`, the host name",
        "Value of the label `k8s_node`, and the node whose pods are watched",
    ),
    key(
        "metrics.nativeHistograms",
        "`false`",
        "Histograms go out as native ones too where the scraper takes protobuf (Prometheus with native histograms on)",
    ),
    key(
        "bpfHooks",
        "`auto`",
        "How BPF programs that count by themselves are hooked: `fentry` (and `tp_btf`), `kprobe` (and `raw_tp`), `tp_btf` or `raw_tp` alone. `auto` takes the first of these, in this order, that the kernel allows and that serves the probe",
    ),
    key(
        "bpfStats",
        "`false`",
        "The kernel measures how long BPF programs run, which costs some 20 ns each time, for `kubeskoop_exporter_bpf_run_time_seconds_total`. Needs CAP_SYS_ADMIN, or the sysctl `kernel.bpf_stats_enabled`",
    ),
    key(
        "btfPath",
        "`/etc/net-exporter/btf/`, `/boot`",
        "Where the types of a kernel are described that has no BTF of its own: a BTF file, a vmlinux with a section `.BTF`, or a directory with `vmlinux-<release>`, `vmlinux-<release>.btf` or `<release>.btf`. Serves raw tracepoints and kprobes; the passes take the kernel's own",
    ),
    key("server.tls.*", "none", "Refused: this version cannot serve TLS"),
    key(
        "server.basicAuth.*",
        "none",
        "Refused: this version cannot ask for a password",
    ),
    key(
        "enableController",
        "",
        "Accepted and ignored: this exporter needs no controller",
    ),
    key(
        "controllerAddr",
        "",
        "Accepted and ignored: this exporter needs no controller",
    ),
];

/// The keys of ACK Net Exporter, with what they mean here.
pub const OLDER_KEYS: &[Key] = &[
    key("metric_config.interval", "", "`interval`"),
    key("metric_config.port", "", "`address: :N`"),
    key("metric_config.verbose", "", "`verbose`"),
    key(
        "metric_config.probes[].name",
        "",
        "`metrics.probes`; a list of plain names is accepted too",
    ),
    key("metric_config.probes[].args.*", "", "`metrics.probes[].args`"),
    key(
        "event_config.loki_enable",
        "",
        "Accepted; this version sends no events",
    ),
    key(
        "event_config.loki_address",
        "",
        "Accepted; this version sends no events",
    ),
    key(
        "event_config.probes[].name",
        "",
        "Accepted; this version sends no events",
    ),
    key(
        "event_config.probes[].args.*",
        "",
        "Accepted; this version sends no events",
    ),
    key("event_config.port", "", "Ignored: there is no gRPC stream"),
];

/// A warning for every key of `document` that is in neither table.
pub fn unknown(document: &Node) -> Vec<Warning> {
    let known: Vec<&str> = KEYS.iter().chain(OLDER_KEYS).map(|key| key.path).collect();
    let mut warnings = Vec::new();
    walk(document, "", &known, "", &mut warnings);
    warnings
}

/// A warning for every key below `args` that a probe does not take; `prefix` is where they stand.
pub fn unknown_args(args: &Node, prefix: &str, known: &[(&'static str, &'static str)]) -> Vec<Warning> {
    let known: Vec<&str> = known.iter().map(|(path, _)| *path).collect();
    let mut warnings = Vec::new();
    walk(args, "", &known, prefix, &mut warnings);
    warnings
}

fn walk(node: &Node, path: &str, known: &[&str], prefix: &str, warnings: &mut Vec<Warning>) {
    match &node.value {
        Value::Mapping(entries) => {
            for (name, value) in entries {
                let name_text = name.text().unwrap_or_default();
                let below = if path.is_empty() {
                    name_text.to_owned()
                } else {
                    format!("{path}.{name_text}")
                };
                if is_known(&below, known) {
                    walk(value, &below, known, prefix, warnings);
                } else {
                    let dot = if prefix.is_empty() { "" } else { "." };
                    let message = format!("unknown key {prefix}{dot}{below}; it has no effect");
                    warnings.push(Warning {
                        line: name.line,
                        message,
                    });
                }
            }
        }
        Value::List(items) => {
            let below = format!("{path}[]");
            items
                .iter()
                .for_each(|item| walk(item, &below, known, prefix, warnings));
        }
        Value::Null | Value::Scalar(..) => {}
    }
}

/// `true` if `path` is a known key or leads to one.
fn is_known(path: &str, known: &[&str]) -> bool {
    let path = path.to_ascii_lowercase();
    known.iter().any(|key| {
        let key = key.to_ascii_lowercase();
        match key.strip_suffix(".*") {
            Some(open) if path.starts_with(open) => {
                matches!(path.as_bytes().get(open.len()), None | Some(b'.' | b'['))
            }
            _ => key
                .strip_prefix(&path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '['])),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::document::read;
    use super::*;

    fn warnings(text: &str) -> Vec<String> {
        unknown(&read(text).expect("valid"))
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn an_unknown_key_names_its_line_and_path() {
        let text = "debugmode: true\nmetrics:\n  probes:\n  - name: tcp\n    arg: 1\n  max: 1\nmetric: 1\n";
        assert_eq!(
            warnings(text),
            [
                "line 5: unknown key metrics.probes[].arg; it has no effect",
                "line 6: unknown key metrics.max; it has no effect",
                "line 7: unknown key metric; it has no effect",
            ]
        );
    }

    #[test]
    fn both_generations_are_known() {
        let text = "metric_config: {interval: 5, port: 9102, verbose: false, probes: [tcp]}\n\
                    event_config: {port: 19102, loki_enable: false, loki_address: '', probes: []}\n\
                    metrics: {probes: [{name: netdev, args: {devices: {include: [a]}}}]}\n\
                    enableController: true\n";
        assert_eq!(warnings(text), [""; 0]);
    }
}
