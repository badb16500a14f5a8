//! What is measured, a file each.

pub mod connections;
pub mod exposition;
pub mod files;
pub mod pods;
pub mod processes;
pub mod qdisc;
pub mod scrape;
pub mod task_pass;
pub mod tracers;
