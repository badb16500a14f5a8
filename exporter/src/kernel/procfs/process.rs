//! What keeps us from the files of a process that only its owner may read.

use std::io;

use rustix::io::Errno;

/// Why such a file was not read.
///
/// Two gates follow each other. Opening it is up to its mode, 0400 or 0500, and to its owner, the
/// effective user of the process, or root if the process cannot be dumped (`task_dump_owner` in
/// `fs/proc/base.c`). Reading it is up to `ptrace_may_access`: the same user, and no capability
/// that the reader does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProcessError {
    /// The process has ended, or this kernel has no such file.
    #[error("the process has ended")]
    Gone,
    /// It may not be opened.
    #[error("CAP_DAC_READ_SEARCH is missing")]
    Closed,
    /// It may be opened and not read.
    #[error("CAP_SYS_PTRACE is missing, or a security module denies ptrace reads")]
    Denied,
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

impl ProcessError {
    pub(super) fn opening(error: Errno) -> Self {
        Self::of(error, Self::Closed)
    }

    pub(super) fn reading(error: Errno) -> Self {
        Self::of(error, Self::Denied)
    }

    fn of(error: Errno, gate: Self) -> Self {
        match error {
            Errno::NOENT | Errno::SRCH => Self::Gone,
            Errno::ACCESS | Errno::PERM => gate,
            _ => Self::Failed(io::Error::from(error).to_string()),
        }
    }
}
