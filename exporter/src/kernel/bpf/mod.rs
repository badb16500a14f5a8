//! The BPF programs of `bpf/`: loading them, and reading what they write.

mod btf;
mod capability;
mod columns;
mod error;
mod file_pass;
mod iterator;
pub mod records;
mod skeletons;
mod task_pass;
#[cfg(test)]
mod tests;

pub use error::BpfError;
pub use file_pass::{FilePass, FileSnapshot};
pub use task_pass::{NetnsCounters, PassLayout, Place, TaskPass, TaskSnapshot};
