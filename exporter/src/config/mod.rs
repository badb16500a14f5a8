//! The configuration: what the file may say, what is in force, and how a change takes effect.

pub mod documented;
pub mod watch;

mod address;
mod cursor;
mod document;
mod duration;
mod effective;
mod error;
mod keys;
mod labels;
mod load;
mod older;

pub use address::Address;
pub use cursor::Args;
pub use error::{ConfigError, Loaded, Warning};
pub use labels::{AdditionalLabel, LabelPart};
pub use load::{Overrides, default_path, load, parse};

use std::time::Duration;

use crate::kernel::bpf::Settings;
use crate::node::{WatchSettings, is_in_cluster};

/// The configuration in force.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Debug logs and `/debug`.
    pub debug_mode: bool,
    /// Where HTTP is served.
    pub address: Address,
    /// Collections are not repeated more often than this.
    pub interval: Duration,
    /// Adds the labels `netns` and `pod_ip` to the series of pods.
    pub verbose: bool,
    /// The probes that run, in the order of the catalogue.
    pub probes: Vec<ProbeConfig>,
    /// Labels added to the series of pods.
    pub additional_labels: Vec<AdditionalLabel>,
    /// Past it whole probes are left out.
    pub max_series: usize,
    /// Whether pods are named by the API server.
    pub kubernetes: Kubernetes,
    /// Value of the label `k8s_node`.
    pub node_name: String,
    /// Whether histograms are written as native ones too, in the protobuf format.
    pub native_histograms: bool,
    /// How BPF programs are loaded.
    pub bpf: Settings,
}

impl Config {
    /// Whether and where pods are watched.
    pub fn pod_watch(&self) -> WatchSettings {
        WatchSettings {
            is_wanted: match self.kubernetes {
                Kubernetes::Auto => is_in_cluster(),
                Kubernetes::Required => true,
                Kubernetes::Off => false,
            },
            node_name: self.node_name.clone(),
        }
    }
}

/// A probe that runs.
#[derive(Debug, Clone)]
pub struct ProbeConfig {
    /// What it is.
    pub spec: &'static crate::probes::ProbeSpec,
    /// What it was told.
    pub args: Args,
}

impl PartialEq for ProbeConfig {
    fn eq(&self, other: &Self) -> bool {
        self.spec.name == other.spec.name && self.args == other.args
    }
}

/// Whether pods are named by the API server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Kubernetes {
    /// In a cluster, yes.
    #[default]
    Auto,
    /// Yes, and not ready without it.
    Required,
    /// No: a plain host.
    Off,
}

impl Kubernetes {
    /// As the configuration file spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Required => "true",
            Self::Off => "false",
        }
    }
}
