//! Why BPF cannot be used, in words.

use std::io;

use libbpf_rs::ErrorKind;

use super::capability::missing_for_bpf;

/// Why a pass cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BpfError {
    /// The user does not want it.
    #[error("BPF is off (--no-bpf)")]
    Off,
    /// Iterators see the pid namespace of the one who opens them.
    #[error("BPF iterators see only the own pid namespace: run in the host's (hostPID)")]
    PidNamespace,
    /// The processes to be seen are not those of this kernel.
    #[error("--procfs names another proc filesystem than the kernel's own")]
    OtherProcFs,
    /// The kernel does not describe its types.
    #[error("the kernel's BTF cannot be read (/sys/kernel/btf/vmlinux: {0}): it takes CONFIG_DEBUG_INFO_BTF")]
    NoBtf(String),
    /// Nor does any other file.
    #[error("the kernel has no BTF of its own, and there is none at {0}: btfPath says where one is")]
    NoBtfFile(String),
    /// Capabilities are missing.
    #[error("{0} missing")]
    Capabilities(String),
    /// The kernel forbids the system call.
    #[error("bpf() is forbidden by seccomp, lockdown or a security module ({step}: {error})")]
    Forbidden {
        /// What was tried.
        step: &'static str,
        /// What the kernel said.
        error: String,
    },
    /// The kernel lacks something.
    #[error("this kernel lacks what the program needs ({step}: {error})")]
    Unsupported {
        /// What was tried.
        step: &'static str,
        /// What the kernel said.
        error: String,
    },
    /// Reading failed.
    #[error("{step}: {error}")]
    Other {
        /// What was tried.
        step: &'static str,
        /// What the kernel said.
        error: String,
    },
    /// There is nothing that the programs can hang on.
    #[error("{0}")]
    NoHook(String),
    /// The numbers are not those of the files.
    #[error("not trusted: {0}")]
    Distrusted(String),
}

impl BpfError {
    /// Puts a failure of libbpf into words.
    pub fn of(step: &'static str, error: &libbpf_rs::Error) -> Self {
        let missing = missing_for_bpf();
        let text = error.to_string();
        match error.kind() {
            ErrorKind::PermissionDenied if !missing.is_empty() => {
                let verb = if missing.len() == 1 { "is" } else { "are" };
                Self::Capabilities(format!("{} {verb}", missing.join(" and ")))
            }
            ErrorKind::PermissionDenied => Self::Forbidden { step, error: text },
            ErrorKind::NotFound | ErrorKind::InvalidInput | ErrorKind::Unsupported => {
                Self::Unsupported { step, error: text }
            }
            _ => Self::Other { step, error: text },
        }
    }

    /// Puts a failed system call into words.
    pub fn of_io(step: &'static str, error: &io::Error) -> Self {
        Self::Other {
            step,
            error: error.to_string(),
        }
    }
}
