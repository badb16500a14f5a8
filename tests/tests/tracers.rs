//! The life of the probes whose BPF programs count by themselves: switched on and off, refused by the
//! kernel, and among namespaces that come and go.

#[path = "tracers/crowd.rs"]
mod crowd;
#[path = "tracers/refused.rs"]
mod refused;
#[path = "tracers/support.rs"]
mod support;
#[path = "tracers/toggled.rs"]
mod toggled;
