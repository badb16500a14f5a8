//! The I/O of every process, from `/proc/<pid>/io`.

use rustc_hash::FxHashMap;

use super::ledger::{Place, ProcessId, ProcessIo};
use super::places::{places, stat_of};
use crate::kernel::procfs::process::ProcessError;
use crate::kernel::procfs::{ProcFs, io};
use crate::node::Entities;
use crate::probes::readings::Readings;

const FILE: &str = "/proc/<pid>/io";

/// Reads one file of each process, and a second one of those whose parent is not known yet or has
/// ended: only then does a process get another.
#[derive(Debug, Default)]
pub struct IoFiles {
    /// The parent of every process of the last reading.
    parents: FxHashMap<ProcessId, Option<ProcessId>>,
}

impl IoFiles {
    /// The processes of the node, those of `entities` and all others, the oldest first.
    ///
    /// A parent is older than its children, and so is read before them. Were it read after a child
    /// that ends just then, it would already have what the child did, which has been counted.
    pub fn read(&mut self, procfs: &ProcFs, entities: &Entities) -> (Vec<ProcessIo>, Readings) {
        let mut readings = Readings::new(FILE, entities.exported.len());
        let mut listed = places(entities);
        listed.sort_unstable_by_key(|(id, _)| (id.started, id.pid));
        let family = Family {
            procfs,
            starts: listed.iter().map(|(id, _)| (id.pid, id.started)).collect(),
        };
        let mut processes = Vec::with_capacity(listed.len());
        for (id, place) in listed {
            let Ok(parent) = family.parent_of(id, self.parents.get(&id)) else {
                continue;
            };
            let io = match io::of_process(procfs, id.pid) {
                Ok(io) => Some(io),
                Err(ProcessError::Gone) => continue,
                Err(error) => {
                    if let Place::Entity(entity) = place {
                        readings.unread(entity, error);
                    }
                    None
                }
            };
            if let (Place::Entity(entity), Some(_)) = (place, io) {
                readings.read(entity);
            }
            processes.push(ProcessIo {
                id,
                parent,
                place,
                io,
            });
        }
        self.parents = processes.iter().map(|it| (it.id, it.parent)).collect();
        (processes, readings)
    }
}

/// Who is there to be a parent.
struct Family<'a> {
    procfs: &'a ProcFs,
    starts: FxHashMap<u32, u64>,
}

impl Family<'_> {
    /// The parent of a process, if it is one of those that are there.
    ///
    /// # Errors
    /// The process has ended.
    fn parent_of(
        &self,
        id: ProcessId,
        known: Option<&Option<ProcessId>>,
    ) -> Result<Option<ProcessId>, ProcessError> {
        let is_there = |parent: &ProcessId| self.starts.get(&parent.pid) == Some(&parent.started);
        match known {
            Some(parent) if parent.as_ref().is_none_or(is_there) => Ok(*parent),
            _ => {
                let pid = stat_of(self.procfs, id).ok_or(ProcessError::Gone)?.parent;
                let started = self.starts.get(&pid).filter(|started| **started <= id.started);
                Ok(started.map(|started| ProcessId {
                    pid,
                    started: *started,
                }))
            }
        }
    }
}
