//! One scan of the node.

use rustc_hash::FxHashMap;

use super::identity::{self, Homes};
use super::mounts::{NetnsMount, named_namespaces};
use super::pass::PassedProcesses;
use super::process::Process;
use super::processes::ProcessTable;
use super::{Entities, Naming, ScanProblem};
use crate::kernel::bpf::TaskSnapshot;
use crate::kernel::procfs::{NetnsReader, ProcFs};

/// Finds out who is on this node, remembering from scan to scan what need not be read again.
#[derive(Debug)]
pub struct Scanner {
    procfs: ProcFs,
    processes: ProcessTable,
    passed: PassedProcesses,
    homes: Homes,
}

impl Scanner {
    /// A scanner of the processes in `procfs`; `own_pod` as in [`ProcessTable::new`].
    pub fn new(procfs: ProcFs, own_pod: Option<String>) -> Self {
        let processes = ProcessTable::new(procfs.clone(), own_pod);
        Self {
            procfs,
            processes,
            passed: PassedProcesses::default(),
            homes: Homes::default(),
        }
    }

    /// The entities of this moment, by the pass over all tasks if there was one, else from `/proc`.
    pub fn scan(&mut self, naming: &Naming, pass: Option<&TaskSnapshot>) -> Entities {
        let mounts = named_namespaces(&self.procfs);
        match pass {
            Some(snapshot) => {
                let processes = self.passed.of(snapshot);
                let mut problems = Vec::new();
                // Some kernels do not show pid 1 to iterators.
                let host = host_of(&processes).unwrap_or_else(|| self.host_inode(&mut problems));
                let mut entities =
                    identity::entities(processes.iter(), &mounts, host, naming, &mut self.homes);
                entities.problems = problems;
                entities
            }
            None => self.scan_files(naming, &mounts),
        }
    }

    fn scan_files(&mut self, naming: &Naming, mounts: &FxHashMap<u64, NetnsMount>) -> Entities {
        let mut problems: Vec<ScanProblem> = self.processes.scan().err().into_iter().collect();
        let host = self.host_inode(&mut problems);
        let mut entities = identity::entities(self.processes.iter(), mounts, host, naming, &mut self.homes);
        let denied = self.processes.denied();
        if denied > 0 {
            problems.push(ScanProblem::Unreadable(denied));
        }
        entities.problems = problems;
        entities
    }

    /// Whether `reader` still leads to the namespace with this inode; `None` where that may not be
    /// looked at.
    pub fn leads_to(&self, reader: &NetnsReader, inode: u64) -> Option<bool> {
        let NetnsReader::Task(task) = reader else {
            // A mount is checked on the very descriptor it is entered by.
            return Some(true);
        };
        match self.procfs.namespace_inode(&format!("{task}/ns/net")) {
            Ok(now) => Some(now == inode),
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => None,
            Err(_) => Some(false),
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

fn host_of(processes: &[Process]) -> Option<u64> {
    let init = processes
        .iter()
        .find(|process| process.pid == 1 && process.is_leader);
    init.and_then(|init| init.netns).map(|netns| netns.inode)
}
