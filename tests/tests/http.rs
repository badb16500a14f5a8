//! HTTP as scrapers, kubelets, people and hostile clients meet it.

#[path = "http/answers.rs"]
mod answers;
#[path = "http/collections.rs"]
mod collections;
#[path = "http/compression.rs"]
mod compression;
#[path = "http/crowds.rs"]
mod crowds;
#[path = "http/end.rs"]
mod end;
#[path = "http/one_bad_probe.rs"]
mod one_bad_probe;
#[path = "http/raw.rs"]
mod raw;
#[path = "http/slow_clients.rs"]
mod slow_clients;
#[path = "http/socket_file.rs"]
mod socket_file;
#[path = "http/state.rs"]
mod state;
#[path = "http/tree.rs"]
mod tree;
