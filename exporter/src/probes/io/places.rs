//! Which processes there are, and where.

use super::ledger::{Place, ProcessId};
use crate::kernel::procfs::ProcFs;
use crate::kernel::procfs::stat::{self, Stat};
use crate::node::{Entities, EntityProcess, OtherProcess};

/// All processes of the node.
pub fn places(entities: &Entities) -> Vec<(ProcessId, Place)> {
    let of_entities = entities.processes.iter().map(|process| {
        let EntityProcess { pid, started, entity } = *process;
        (ProcessId { pid, started }, Place::Entity(entity))
    });
    let others = entities.others.iter().map(|process| {
        let OtherProcess {
            pid,
            started,
            is_nowhere,
        } = *process;
        let place = if is_nowhere {
            Place::Ended
        } else {
            Place::Elsewhere
        };
        (ProcessId { pid, started }, place)
    });
    of_entities.chain(others).collect()
}

/// What `/proc` says of a process; none if it has ended, also if another has its pid now.
pub fn stat_of(procfs: &ProcFs, id: ProcessId) -> Option<Stat> {
    let text = procfs.read(&format!("{}/stat", id.pid)).ok()?;
    stat::read(&text).ok().filter(|stat| stat.started == id.started)
}
