//! Visits to the network namespaces of the node, for what the kernel says only to those within.

use std::io;

use rustix::io::Errno;

use super::netns::Netns;
use super::procfs::{NetnsReader, ProcFs};

/// Why a namespace that is there is not visited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VisitError {
    /// What leads to it may not be opened.
    #[error("it cannot be opened: CAP_SYS_PTRACE is missing, or a security module denies it")]
    Hidden,
    /// It may not be entered.
    #[error("it cannot be entered: CAP_SYS_ADMIN is missing")]
    Closed,
    /// Anything else, such as too many open files.
    #[error("it cannot be entered: {0}")]
    Failed(String),
}

/// Makes visits from the namespace that the calling thread is in.
#[derive(Debug)]
pub struct Visitor<'a> {
    procfs: &'a ProcFs,
    home: u64,
}

impl<'a> Visitor<'a> {
    /// A visitor who finds the namespaces of processes in `procfs`.
    ///
    /// # Errors
    /// The own namespace cannot be told.
    pub fn new(procfs: &'a ProcFs) -> io::Result<Self> {
        let home = ProcFs::default().namespace_inode("thread-self/ns/net")?;
        Ok(Self { procfs, home })
    }

    /// Runs `within` in the namespace with this inode, through the first of `readers` that leads
    /// there; none if the namespace has gone. At home no capability is needed.
    ///
    /// # Errors
    /// The namespace may not be entered.
    pub fn visit<T>(
        &self,
        readers: &[NetnsReader],
        inode: u64,
        within: impl FnOnce() -> T,
    ) -> Result<Option<T>, VisitError> {
        // Another proc filesystem may be that of another machine, with inodes of its own.
        if self.procfs.is_own() && inode == self.home {
            return Ok(Some(within()));
        }
        let Some(netns) = self.open(readers, inode)? else {
            return Ok(None);
        };
        netns.enter(within).map(Some).map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => VisitError::Closed,
            _ => VisitError::Failed(error.to_string()),
        })
    }

    fn open(&self, readers: &[NetnsReader], inode: u64) -> Result<Option<Netns>, VisitError> {
        let mut hidden = false;
        for reader in readers {
            let path = reader.namespace(self.procfs);
            match Netns::open(&path) {
                Ok(netns) if netns.inode().is_ok_and(|it| it == inode) => return Ok(Some(netns)),
                // It leads to another namespace by now.
                Ok(_) => {}
                Err(error) => match Errno::from_io_error(&error) {
                    Some(Errno::NOENT | Errno::SRCH) => {}
                    // So ends, too, what a task is asked for that dies at this moment.
                    Some(Errno::ACCESS | Errno::PERM) => hidden |= path.symlink_metadata().is_ok(),
                    _ => return Err(VisitError::Failed(error.to_string())),
                },
            }
        }
        if hidden {
            return Err(VisitError::Hidden);
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_home_nothing_is_opened() {
        let procfs = ProcFs::default();
        let visitor = Visitor::new(&procfs).expect("the own namespace");
        assert_eq!(visitor.visit(&[], visitor.home, || 7), Ok(Some(7)));
    }

    #[test]
    fn a_namespace_that_no_reader_leads_to_has_gone() {
        let procfs = ProcFs::default();
        let visitor = Visitor::new(&procfs).expect("the own namespace");
        let nowhere = [
            // The namespace of this task is another one.
            NetnsReader::Task("self".into()),
            NetnsReader::Task("4194305".into()),
            NetnsReader::Mount("/nowhere".into()),
        ];
        assert_eq!(visitor.visit(&nowhere, 1, || 7), Ok(None));
    }
}
