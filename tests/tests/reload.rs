//! Changes of the configuration while the exporter runs: what is good is in force within 2 s, what
//! is bad changes nothing, and nobody who scrapes notices more than the new numbers.

#[path = "reload/address.rs"]
mod address;
#[path = "reload/broken.rs"]
mod broken;
#[path = "reload/default_file.rs"]
mod default_file;
#[path = "reload/flags.rs"]
mod flags;
#[path = "reload/in_flight.rs"]
mod in_flight;
#[path = "reload/keys.rs"]
mod keys;
#[path = "reload/many.rs"]
mod many;
#[path = "reload/support.rs"]
mod support;
#[path = "http/tree.rs"]
mod tree;
#[path = "reload/triggers.rs"]
mod triggers;
#[path = "reload/writers.rs"]
mod writers;
