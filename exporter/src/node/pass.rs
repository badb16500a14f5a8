//! The processes of the node as the BPF pass over all tasks saw them.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::process::{NetnsId, Process};
use crate::kernel::bpf::TaskSnapshot;
use crate::kernel::bpf::records::{CgroupRecord, TaskRecord};
use crate::kernel::own_process::nanos_to_ticks;
use crate::kernel::procfs::NetnsReader;
use crate::kernel::procfs::cgroup::{CgroupOwner, owner_of_path};

/// Turns the records of a pass into processes.
#[derive(Debug, Default)]
pub struct PassedProcesses {
    /// The owner of every cgroup that the last pass met. Paths are told once, and absolute.
    owners: FxHashMap<CgroupKey, Option<Arc<CgroupOwner>>>,
}

/// Ids are unique within a hierarchy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct CgroupKey {
    is_unified: bool,
    id: u64,
}

impl PassedProcesses {
    /// The processes of `snapshot`, and the threads that are elsewhere than their process.
    pub fn of(&mut self, snapshot: &TaskSnapshot) -> Vec<Process> {
        self.learn(&snapshot.new_cgroups);
        let mut met = FxHashMap::default();
        let mut processes: Vec<Process> = Vec::with_capacity(snapshot.tasks.len());
        let mut leaderless: FxHashMap<u32, usize> = FxHashMap::default();
        for task in &snapshot.tasks {
            let owner = self.owner_of(task, &mut met);
            let process = process_of(task, owner);
            match leaderless.get(&task.tgid) {
                // A process whose main thread has exited is where its first other thread is.
                Some(at) if !process.is_leader && processes[*at].netns.is_none() => {
                    processes[*at].netns = process.netns;
                    processes[*at].thread = process.thread;
                }
                _ => {
                    if process.is_leader && process.netns.is_none() {
                        leaderless.insert(task.tgid, processes.len());
                    }
                    processes.push(process);
                }
            }
        }
        self.owners = met;
        processes
    }

    fn learn(&mut self, cgroups: &[CgroupRecord]) {
        for cgroup in cgroups {
            let owner = owner_of_path(&cgroup.path);
            let key = CgroupKey {
                is_unified: cgroup.hierarchy == 0,
                id: cgroup.id,
            };
            self.owners
                .insert(key, (!owner.is_none()).then(|| Arc::new(owner)));
        }
    }

    /// The owner by the unified hierarchy, else by the v1 one. What is met is kept in `met`.
    fn owner_of(
        &self,
        task: &TaskRecord,
        met: &mut FxHashMap<CgroupKey, Option<Arc<CgroupOwner>>>,
    ) -> Option<Arc<CgroupOwner>> {
        let [unified, v1] = task.cgroups;
        let mut owners = [(true, unified), (false, v1)]
            .into_iter()
            .filter_map(|(is_unified, id)| {
                let key = CgroupKey { is_unified, id };
                let owner = self.owners.get(&key)?;
                met.entry(key).or_insert_with(|| owner.clone());
                owner.clone()
            });
        let first = owners.next();
        let names_pod = |owner: &Arc<CgroupOwner>| owner.pod_uid.is_some();
        match first {
            Some(first) if names_pod(&first) => {
                owners.for_each(drop);
                Some(first)
            }
            first => owners.find(names_pod).or(first),
        }
    }
}

/// Whether the task that `reader` goes through is in the namespace with this cookie.
pub fn is_in(snapshot: &TaskSnapshot, reader: &NetnsReader, cookie: u64) -> bool {
    let NetnsReader::Task(path) = reader else {
        return true;
    };
    let mut numbers = path.split('/').filter_map(|part| part.parse::<u32>().ok());
    let (process, thread) = (numbers.next(), numbers.next());
    let of_process = |task: &&TaskRecord| Some(task.tgid) == process;
    // A thread that is not told of is where its process is.
    let told = snapshot.tasks.iter().filter(of_process);
    let of_thread = |task: &&TaskRecord| thread.is_none_or(|thread| task.tid == thread);
    let mut its = told
        .clone()
        .filter(of_thread)
        .chain(told.filter(|task| task.is_process()));
    its.next().is_some_and(|task| task.netns == cookie)
}

fn process_of(task: &TaskRecord, owner: Option<Arc<CgroupOwner>>) -> Process {
    let is_leader = task.is_process();
    Process {
        pid: task.tgid,
        is_leader,
        started: nanos_to_ticks(task.start),
        netns: (task.netns != 0).then_some(NetnsId {
            cookie: Some(task.netns),
            inode: task.inode,
        }),
        thread: (!is_leader).then_some(task.tid),
        owner,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(process: u32, thread: u32, netns: u64, cgroups: [u64; 2]) -> TaskRecord {
        let flags = if process == thread {
            TaskRecord::IS_PROCESS
        } else {
            0
        };
        TaskRecord {
            tgid: process,
            tid: thread,
            netns,
            inode: netns + 1000,
            flags,
            cgroups,
            ..TaskRecord::default()
        }
    }

    fn cgroup(id: u64, hierarchy: u32, path: &str) -> CgroupRecord {
        CgroupRecord {
            id,
            hierarchy,
            path: path.into(),
        }
    }

    const UID: &str = "3f2504e0-4f89-11d3-9a0c-0305e82c3301";

    #[test]
    fn a_cgroup_is_told_once_and_remembered_while_somebody_is_in_it() {
        let mut processes = PassedProcesses::default();
        let tasks = vec![task(5, 5, 1, [7, 0])];
        let told = vec![cgroup(7, 0, &format!("/kubepods/pod{UID}/x"))];
        let first = processes.of(&TaskSnapshot {
            tasks: tasks.clone(),
            new_cgroups: told,
            ..TaskSnapshot::default()
        });
        let second = processes.of(&TaskSnapshot {
            tasks,
            ..TaskSnapshot::default()
        });
        for seen in [&first, &second] {
            assert_eq!(
                seen[0].owner.as_ref().and_then(|it| it.pod_uid.as_deref()),
                Some(UID)
            );
        }
        processes.of(&TaskSnapshot::default());
        assert!(processes.owners.is_empty());
    }

    #[test]
    fn the_hierarchy_that_names_a_pod_wins_and_ids_of_two_do_not_mix() {
        let mut processes = PassedProcesses::default();
        let new_cgroups = vec![
            cgroup(7, 0, "/system.slice"),
            cgroup(7, 4, &format!("/kubepods/pod{UID}")),
        ];
        let snapshot = TaskSnapshot {
            tasks: vec![task(5, 5, 1, [7, 7])],
            new_cgroups,
            ..TaskSnapshot::default()
        };
        let seen = processes.of(&snapshot);
        assert_eq!(
            seen[0].owner.as_ref().and_then(|it| it.pod_uid.as_deref()),
            Some(UID)
        );
    }

    #[test]
    fn a_process_without_its_main_thread_is_where_another_thread_is() {
        let mut processes = PassedProcesses::default();
        let tasks = vec![
            task(5, 5, 0, [0; 2]),
            task(5, 6, 3, [0; 2]),
            task(5, 7, 4, [0; 2]),
        ];
        let seen = processes.of(&TaskSnapshot {
            tasks,
            ..TaskSnapshot::default()
        });
        let at = |index: usize| {
            (
                seen[index].is_leader,
                seen[index].netns.map(|it| it.inode),
                seen[index].task(),
            )
        };
        assert_eq!(at(0), (true, Some(1003), "5/task/6".into()));
        assert_eq!(at(1), (false, Some(1004), "5/task/7".into()));
    }
}
