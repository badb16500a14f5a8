//! What the user says about BPF programs.

use std::path::PathBuf;

use super::Way;

/// How programs that count by themselves are loaded, and what is known of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// The only way to hook them; none: the first that works.
    pub hooks: Option<Way>,
    /// A BTF file, or a vmlinux with one, or a directory of such, for kernels without their own.
    pub btf_path: Option<PathBuf>,
    /// Whether the kernel is to measure how long they run.
    pub statistics: bool,
}
