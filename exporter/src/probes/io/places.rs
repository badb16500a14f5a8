//! Which processes there are, and where.

use super::ledger::{Place, ProcessId};
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
