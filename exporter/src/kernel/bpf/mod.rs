//! The BPF programs of `bpf/`: loading them, and reading what they write.

mod batch;
mod btf;
mod btf_file;
mod capability;
mod columns;
mod error;
mod features;
mod file_pass;
mod hooks;
mod iterator;
pub mod records;
mod settings;
pub mod skeletons;
pub mod slots;
mod statistics;
mod table;
mod task_pass;
#[cfg(test)]
mod tests;
mod tracer;
mod tracing;

pub use btf_file::BtfFile;
pub use error::BpfError;
pub use features::Features;
pub use file_pass::{FilePass, FileSnapshot};
pub use hooks::{Plan, Way};
pub use libbpf_rs::MapHandle;
pub use settings::Settings;
pub use slots::NetnsKey;
pub use statistics::Statistics;
pub use table::{Counts, Table};
pub use task_pass::{NetnsCounters, PassLayout, Place, TaskPass, TaskSnapshot};
pub use tracer::{Tracer, words_by_cpu, words_of};
pub use tracing::Tracing;
