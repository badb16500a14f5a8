//! The configuration in force, written as a file that would give it.

use serde::Serialize;
use serde::ser::{SerializeMap, SerializeSeq, Serializer};

use super::document::{Node, Value};
use super::{Config, ProbeConfig, duration};
use crate::kernel::bpf::Way;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct File<'a> {
    debug_mode: bool,
    address: String,
    interval: String,
    verbose: bool,
    metrics: Metrics<'a>,
    kubernetes: KubernetesSection<'a>,
    bpf_hooks: &'static str,
    bpf_stats: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    btf_path: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metrics<'a> {
    probes: Vec<Probe<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    additional_labels: Vec<String>,
    max_series: usize,
    native_histograms: bool,
}

#[derive(Serialize)]
struct Probe<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    args: Option<&'a Node>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct KubernetesSection<'a> {
    enabled: &'a str,
    node_name: &'a str,
}

impl Config {
    /// The configuration as YAML.
    ///
    /// # Errors
    /// Never with a configuration that was loaded.
    pub fn to_yaml(&self) -> Result<String, serde_yaml::Error> {
        let probe = |it: &'_ ProbeConfig| it.spec.name;
        serde_yaml::to_string(&File {
            debug_mode: self.debug_mode,
            address: self.address.to_string(),
            interval: duration::format(self.interval),
            verbose: self.verbose,
            metrics: Metrics {
                probes: self
                    .probes
                    .iter()
                    .map(|it| Probe {
                        name: probe(it),
                        args: it.args.node(),
                    })
                    .collect(),
                additional_labels: self.additional_labels.iter().map(ToString::to_string).collect(),
                max_series: self.max_series,
                native_histograms: self.native_histograms,
            },
            kubernetes: KubernetesSection {
                enabled: self.kubernetes.as_str(),
                node_name: &self.node_name,
            },
            bpf_hooks: self.bpf.hooks.map_or("auto", Way::name),
            bpf_stats: self.bpf.statistics,
            btf_path: self.bpf.btf_path.as_ref().map(|path| path.display().to_string()),
        })
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.value {
            Value::Null => serializer.serialize_unit(),
            Value::Scalar(text, quoted) => match (quoted, text.parse::<i64>(), text.as_str()) {
                // A text such as 007 is no other way of writing 7.
                (false, Ok(number), _) if number.to_string() == *text => serializer.serialize_i64(number),
                (false, _, "true") => serializer.serialize_bool(true),
                (false, _, "false") => serializer.serialize_bool(false),
                _ => serializer.serialize_str(text),
            },
            Value::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| list.serialize_element(item))?;
                list.end()
            }
            Value::Mapping(entries) => {
                let mut mapping = serializer.serialize_map(Some(entries.len()))?;
                entries
                    .iter()
                    .try_for_each(|(key, value)| mapping.serialize_entry(key, value))?;
                mapping.end()
            }
        }
    }
}
