//! kubeskoop-exporter: what the kernel's network stack does to every pod of a node, for Prometheus.
//!
//! Data flows one way: `kernel` -> `probes` -> `collector` -> `metrics` -> `server`.

pub mod cli;
pub mod collector;
pub mod config;
pub mod kernel;
pub mod metrics;
pub mod node;
pub mod probes;
pub mod server;
