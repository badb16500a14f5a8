//! On a node of a cluster: numbers carry the names of pods, whatever becomes of the API server.

#[path = "kubernetes/away.rs"]
mod away;
#[path = "kubernetes/faults.rs"]
mod faults;
#[path = "kubernetes/in_cluster.rs"]
mod in_cluster;
#[path = "kubernetes/labels.rs"]
mod labels;
#[path = "kubernetes/late.rs"]
mod late;
#[path = "kubernetes/memory.rs"]
mod memory;
#[path = "kubernetes/names.rs"]
mod names;
#[path = "kubernetes/secrets.rs"]
mod secrets;
#[path = "kubernetes/support.rs"]
mod support;
#[path = "kubernetes/switched.rs"]
mod switched;
