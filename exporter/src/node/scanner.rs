//! One scan of the node.

use super::identity::{self, Homes};
use super::mounts::named_namespaces;
use super::processes::ProcessTable;
use super::{Entities, Naming, ScanProblem};
use crate::kernel::procfs::{NetnsReader, ProcFs};

/// Finds out who is on this node, remembering from scan to scan what need not be read again.
#[derive(Debug)]
pub struct Scanner {
    procfs: ProcFs,
    processes: ProcessTable,
    homes: Homes,
}

impl Scanner {
    /// A scanner of the processes in `procfs`; `own_pod` as in [`ProcessTable::new`].
    pub fn new(procfs: ProcFs, own_pod: Option<String>) -> Self {
        let processes = ProcessTable::new(procfs.clone(), own_pod);
        Self {
            procfs,
            processes,
            homes: Homes::default(),
        }
    }

    /// The entities of this moment.
    pub fn scan(&mut self, naming: &Naming) -> Entities {
        let mut problems: Vec<ScanProblem> = self.processes.scan().err().into_iter().collect();
        let host = self.host_inode(&mut problems);
        let mounts = named_namespaces(&self.procfs);
        let mut entities = identity::entities(self.processes.iter(), &mounts, host, naming, &mut self.homes);
        let denied = self.processes.denied();
        if denied > 0 {
            problems.push(ScanProblem::Unreadable(denied));
        }
        entities.problems = problems;
        entities
    }

    /// `true` if `reader` still leads to the namespace with this inode.
    pub fn leads_to(&self, reader: &NetnsReader, inode: u64) -> bool {
        match reader {
            NetnsReader::Task(task) => self
                .procfs
                .namespace_inode(&format!("{task}/ns/net"))
                .is_ok_and(|it| it == inode),
            // A mount is checked on the very descriptor it is entered by.
            NetnsReader::Mount(_) => true,
        }
    }

    /// Has what was read through `reader` looked at anew by the next scan.
    pub fn forget(&mut self, reader: &NetnsReader) {
        if let NetnsReader::Task(task) = reader {
            self.processes.forget(task);
        }
    }

    fn host_inode(&self, problems: &mut Vec<ScanProblem>) -> u64 {
        match self.procfs.namespace_inode("1/ns/net") {
            Ok(inode) => inode,
            Err(_) => {
                problems.push(ScanProblem::HostUnknown);
                ProcFs::default()
                    .namespace_inode("self/ns/net")
                    .unwrap_or_default()
            }
        }
    }
}
