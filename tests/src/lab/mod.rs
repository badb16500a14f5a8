//! One module for each thing a test sets up, drives or reads.

pub mod cgroup;
pub mod command;
pub mod configmap;
pub mod connection;
pub mod exporter;
pub mod firewall;
pub mod guest;
pub mod gzip;
pub mod helper;
pub mod histogram;
pub mod http;
pub mod log;
pub mod loss;
pub mod metrics;
pub mod netns;
pub mod path;
pub mod proc;
pub mod process;
pub mod relay;
pub mod sockets;
pub mod tools;
pub mod traffic;
pub mod trio;
pub mod unprivileged;
pub mod veth;
pub mod wait;
