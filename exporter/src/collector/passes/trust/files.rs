//! What the pass over all open files says of the exporter's own.

use std::time::Duration;

use super::distrusted;
use crate::kernel::bpf::{BpfError, FilePass};
use crate::kernel::procfs::ProcFs;
use crate::kernel::procfs::fd::{Descriptors, own_sockets};
use crate::kernel::sock_diag::TcpDump;
use crate::kernel::tcp::TcpSummary;

/// A connection that arrives is in the accept queue for a moment, where the pass sees it and no
/// descriptor leads to it.
const ATTEMPTS: usize = 5;
const PAUSE: Duration = Duration::from_millis(2);

/// Compares the descriptors of the exporter, and the sockets they lead to.
///
/// # Errors
/// The pass cannot be read, or says something else than `/proc` and `sock_diag` while these say the
/// same before and after it.
pub fn compare_files(procfs: &ProcFs, pass: &mut FilePass) -> Result<(), BpfError> {
    let mut difference = None;
    for _ in 0..ATTEMPTS {
        let before = Own::by_files(procfs)?;
        let passed = Own::by_pass(pass)?;
        let after = Own::by_files(procfs)?;
        if passed.agrees_with(&before) || passed.agrees_with(&after) {
            return Ok(());
        }
        difference = Some(format!(
            "{passed:?} by the pass, {before:?} and then {after:?} by the files"
        ));
        std::thread::sleep(PAUSE);
    }
    difference.map_or(Ok(()), |difference| Err(distrusted(difference)))
}

/// What the exporter has open. A reading holds one descriptor itself: that of the directory, or that
/// of the iterator.
#[derive(Debug)]
struct Own {
    descriptors: Descriptors,
    /// None where nobody can be asked for it.
    tcp: Option<TcpSummary>,
}

impl Own {
    fn by_pass(pass: &mut FilePass) -> Result<Self, BpfError> {
        let snapshot = pass.read()?;
        let own = snapshot.of_process(std::process::id());
        let own = own.ok_or_else(|| distrusted("it does not see the exporter itself".into()))?;
        Ok(Self {
            descriptors: own.descriptors,
            tcp: Some(own.tcp),
        })
    }

    fn by_files(procfs: &ProcFs) -> Result<Self, BpfError> {
        let (descriptors, inodes) =
            own_sockets(procfs).map_err(|error| BpfError::of_io("reading the own descriptors", &error))?;
        let tcp = TcpDump::default().summary_of(|inode| inodes.contains(&inode));
        Ok(Self {
            descriptors,
            tcp: tcp.ok(),
        })
    }

    fn agrees_with(&self, other: &Self) -> bool {
        let tcp = self.tcp.zip(other.tcp);
        self.descriptors == other.descriptors && tcp.is_none_or(|(own, other)| own == other)
    }
}
