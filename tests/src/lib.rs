//! The laboratory of the end-to-end tests: network namespaces, processes, traffic and cgroups to
//! watch, the exporter as a real process, and readers that check what it says.
//!
//! Everything made here is undone when its guard is dropped, also when a test panics. Packets stay
//! on loopback or between namespaces that a test made.

pub mod lab;
