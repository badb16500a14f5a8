//! The I/O of every process, from the pass over all tasks.

use rustc_hash::FxHashMap;

use super::ledger::{Place, ProcessId, ProcessIo};
use super::places::{places, stat_of};
use crate::kernel::bpf::TaskSnapshot;
use crate::kernel::bpf::records::TaskRecord;
use crate::kernel::own_process::nanos_to_ticks;
use crate::kernel::procfs::ProcFs;
use crate::node::Entities;
use crate::probes::readings::Readings;

/// The processes of the node, those of `entities` and all others.
///
/// The pass goes by pid. Where pids have wrapped, a parent comes after its child, and if that has
/// ended in between the parent already has what it did. So a child before its parent that is not
/// there any more after the pass is left out, as if it had ended before.
pub fn read(procfs: &ProcFs, tasks: &TaskSnapshot, entities: &Entities) -> (Vec<ProcessIo>, Readings) {
    let mut records: FxHashMap<u32, &TaskRecord> = FxHashMap::default();
    records.reserve(tasks.tasks.len());
    let leaders = tasks.tasks.iter().filter(|task| task.is_process());
    records.extend(leaders.map(|task| (task.tgid, task)));
    let mut readings = Readings::new("task_io_accounting", entities.exported.len());
    let process_of = |(id, place): (ProcessId, Place)| {
        let record = records.get(&id.pid)?;
        if record.parent > id.pid && !is_there(procfs, id) {
            return None;
        }
        if let Place::Entity(entity) = place
            && record.counts_io()
        {
            readings.read(entity);
        }
        Some(ProcessIo {
            id,
            parent: parent_of(id, record, &records),
            place,
            io: record.io(),
        })
    };
    let places = places(entities);
    let mut processes = Vec::with_capacity(places.len());
    processes.extend(places.into_iter().filter_map(process_of));
    (processes, readings)
}

fn is_there(procfs: &ProcFs, id: ProcessId) -> bool {
    stat_of(procfs, id).is_some_and(|stat| !stat.is_reaped)
}

fn parent_of(
    child: ProcessId,
    record: &TaskRecord,
    records: &FxHashMap<u32, &TaskRecord>,
) -> Option<ProcessId> {
    let parent = ProcessId {
        pid: record.parent,
        started: nanos_to_ticks(records.get(&record.parent)?.start),
    };
    (parent.started <= child.started).then_some(parent)
}
