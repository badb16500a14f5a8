//! Why a probe has no numbers.

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;

use crate::kernel::bpf::BpfError;
use crate::kernel::procfs::{NetFile, ParseError};
use crate::kernel::visit::VisitError;

/// Why a probe has no numbers for a namespace, or for the whole node.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ProbeError {
    /// What it measures does not exist here. No fault, and no alert.
    #[error("{0}")]
    NotApplicable(Cow<'static, str>),
    /// A file of a namespace cannot be read.
    #[error("{file}: {}", io::Error::from(*.kind))]
    Read {
        /// The file.
        file: NetFile,
        /// What the kernel said.
        kind: io::ErrorKind,
    },
    /// A file of a namespace is not understood.
    #[error("{file}: {error}")]
    Parse {
        /// The file.
        file: NetFile,
        /// What is wrong with it.
        error: ParseError,
    },
    /// A file of the node cannot be read or is not understood.
    #[error("{}: {reason}", .path.display())]
    Node {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The kernel does not answer over netlink.
    #[error("netlink, {question}: {reason}")]
    Netlink {
        /// What was asked for.
        question: &'static str,
        /// What the kernel said.
        reason: String,
    },
    /// BPF programs cannot be used.
    #[error(transparent)]
    Bpf(#[from] BpfError),
    /// A network namespace cannot be entered.
    #[error(transparent)]
    Visit(#[from] VisitError),
    /// It did not finish in time.
    #[error("not finished within {0} s; its numbers are left out")]
    Late(f64),
    /// It has a defect.
    #[error("it panicked: {0}")]
    Panicked(String),
}

impl ProbeError {
    /// For a file of a namespace that is not understood.
    pub fn parse(file: NetFile) -> impl FnOnce(ParseError) -> Self {
        move |error| Self::Parse { file, error }
    }

    /// `true` if a file is not there.
    pub fn is_missing(&self) -> bool {
        matches!(
            self,
            Self::Read {
                kind: io::ErrorKind::NotFound,
                ..
            }
        )
    }
}
