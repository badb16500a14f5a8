//! From what each process has done to what each entity has done.

use std::cmp::Reverse;

use rustc_hash::{FxHashMap, FxHashSet};

use super::accounts::{AccountId, Accounts};
use crate::kernel::procfs::io::IoCounters;
use crate::node::Entity;

/// A process for good: a pid is used again, but not with the same start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProcessId {
    /// Its pid.
    pub pid: u32,
    /// Its start, in clock ticks since boot.
    pub started: u64,
}

/// Where a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the entity with this index.
    Entity(usize),
    /// It has ended, and its parent has not waited for it yet. What it did belongs where it was.
    Ended,
    /// Where nothing is exported. What it does is nobody's, also not that of whoever waits for it.
    Elsewhere,
}

/// A process at a collection.
#[derive(Debug, Clone, Copy)]
pub struct ProcessIo {
    /// Which one.
    pub id: ProcessId,
    /// The process that will wait for it, if that is one of those given.
    pub parent: Option<ProcessId>,
    /// Where it is.
    pub place: Place,
    /// What it has done since its start, children that it has waited for included; none if that
    /// could not be read.
    pub io: Option<IoCounters>,
}

/// A process as of the last collection.
#[derive(Debug)]
struct Tracked {
    parent: Option<ProcessId>,
    io: Option<IoCounters>,
    /// Where it was last; none if nothing was exported there.
    account: Option<AccountId>,
}

/// A process that is not there any more.
#[derive(Debug)]
struct Departed {
    parent: Option<ProcessId>,
    io: IoCounters,
    /// It is known who has got what it did.
    is_inherited: bool,
    /// Collections that have passed.
    age: u32,
    /// Those of them at which all who may have got what it did were read.
    readings: u32,
}

impl Departed {
    fn is_expected(&self) -> bool {
        let waits = !self.is_inherited && self.readings < PATIENCE && self.age < MOST_PATIENCE;
        waits || self.age < PATIENCE
    }
}

/// A process may be read just before its child ends: the inheritance then shows one reading later.
const PATIENCE: u32 = 2;
/// Collections after which a process is given up that cannot be read.
const MOST_PATIENCE: u32 = 10;
/// No process has that many ancestors.
const MOST_ANCESTORS: usize = 1000;

/// Adds up what the processes of each entity do.
///
/// **Baseline.** All that is there at the first collection counts from what it has done by then. A
/// process that appears later counts from nothing if it began since, and from what it has done if
/// it is older: it was hidden.
///
/// **Inheritance.** What a process did goes to the parent that waits for it, which then grows by
/// what has been counted already. So when a process is gone, what it had done when last seen is
/// taken off the growth of its parent; what is left of that is new: the last moments of the child,
/// and children that were never seen. If the parent has ended too, an ancestor has got it. If none
/// has grown by so much, nobody waited for the process, and nobody has got anything.
///
/// Nothing is ever taken off a total, which therefore never falls.
#[derive(Debug)]
pub struct Ledger {
    accounts: Accounts,
    tracked: FxHashMap<ProcessId, Tracked>,
    departed: FxHashMap<ProcessId, Departed>,
    /// When the last collection ended, in clock ticks since boot.
    settled: u64,
    /// Who appears now and started after this would have been seen earlier had it been there: the
    /// last scan of the processes began after it. None before the first collection.
    newborn_after: Option<u64>,
}

impl Ledger {
    /// An empty one, made `now`, in clock ticks since boot.
    pub fn new(now: u64) -> Self {
        Self {
            accounts: Accounts::default(),
            tracked: FxHashMap::default(),
            departed: FxHashMap::default(),
            settled: now,
            newborn_after: None,
        }
    }

    /// Takes in the processes as they are `now` and returns the totals of `entities`.
    pub fn settle(&mut self, entities: &[Entity], processes: &[ProcessIo], now: u64) -> Vec<IoCounters> {
        let accounts = self
            .accounts
            .settle(entities, &self.inhabited(entities, processes));
        let mut growths: Vec<IoCounters> = processes.iter().map(|process| self.growth_of(process)).collect();
        let present: FxHashMap<ProcessId, usize> = processes
            .iter()
            .enumerate()
            .map(|(at, process)| (process.id, at))
            .collect();
        self.depart(&present);
        self.take_off_inheritances(processes, &present, &mut growths);
        for (process, growth) in processes.iter().zip(growths) {
            let account = match process.place {
                Place::Entity(entity) => Some(accounts[entity]),
                Place::Ended => self.tracked.get(&process.id).and_then(|it| it.account),
                Place::Elsewhere => None,
            };
            if let Some(account) = account {
                self.accounts.add(account, growth);
            }
        }
        self.track(processes, &accounts);
        self.newborn_after = Some(self.settled);
        self.settled = now;
        accounts
            .iter()
            .map(|account| self.accounts.total(*account))
            .collect()
    }

    /// The accounts of entities that a process has not left since the last collection.
    fn inhabited(&self, entities: &[Entity], processes: &[ProcessIo]) -> FxHashSet<AccountId> {
        let stayed = |process: &ProcessIo| {
            let Place::Entity(entity) = process.place else {
                return None;
            };
            let account = self.tracked.get(&process.id)?.account?;
            account.may_be_of(&entities[entity]).then_some(account)
        };
        processes.iter().filter_map(stayed).collect()
    }

    fn growth_of(&self, process: &ProcessIo) -> IoCounters {
        let Some(now) = process.io else {
            return IoCounters::default();
        };
        match self.tracked.get(&process.id) {
            Some(Tracked { io: Some(before), .. }) => now.since(*before),
            None if self.is_newborn(process) => now,
            _ => IoCounters::default(),
        }
    }

    fn is_newborn(&self, process: &ProcessIo) -> bool {
        self.newborn_after
            .is_some_and(|after| process.id.started >= after)
    }

    fn depart(&mut self, present: &FxHashMap<ProcessId, usize>) {
        self.departed.retain(|_, departed| {
            departed.age += 1;
            departed.is_expected()
        });
        let gone = self.tracked.iter().filter(|(id, _)| !present.contains_key(id));
        self.departed.extend(gone.map(|(id, tracked)| {
            let departed = Departed {
                parent: tracked.parent,
                io: tracked.io.unwrap_or_default(),
                is_inherited: false,
                age: 0,
                readings: 0,
            };
            (*id, departed)
        }));
    }

    fn take_off_inheritances(
        &mut self,
        processes: &[ProcessIo],
        present: &FxHashMap<ProcessId, usize>,
        growths: &mut [IoCounters],
    ) {
        let waiting = self
            .departed
            .iter()
            .filter(|(_, departed)| !departed.is_inherited);
        let heirs_of = |(id, departed): (&ProcessId, &Departed)| {
            let heirs = self.heirs(departed.parent, processes, present);
            (*id, departed.io, departed.readings, heirs)
        };
        let mut inheritances: Vec<_> = waiting.map(heirs_of).collect();
        // Where there is no choice it is not left to others, and who has no more time comes first.
        inheritances.sort_by_key(|(_, _, readings, heirs)| (heirs.len(), Reverse(*readings)));
        for (id, io, _, heirs) in inheritances {
            let is_inherited = take_off(io, &heirs, growths);
            if let Some(departed) = self.departed.get_mut(&id) {
                departed.is_inherited = is_inherited;
                departed.readings += u32::from(heirs.iter().all(|heir| processes[*heir].io.is_some()));
            }
        }
    }

    /// Who may have waited for a child of `parent`: the parent itself if it lives, else one of its
    /// ancestors, either by having waited for it, or since its children became theirs.
    fn heirs(
        &self,
        parent: Option<ProcessId>,
        processes: &[ProcessIo],
        present: &FxHashMap<ProcessId, usize>,
    ) -> Vec<usize> {
        let mut heirs = Vec::new();
        let mut next = parent;
        for generation in 0..MOST_ANCESTORS {
            let Some(id) = next else { break };
            next = if let Some(at) = present.get(&id) {
                heirs.push(*at);
                if generation == 0 && processes[*at].place != Place::Ended {
                    break;
                }
                processes[*at].parent
            } else {
                self.departed.get(&id).and_then(|departed| departed.parent)
            };
        }
        heirs
    }

    fn track(&mut self, processes: &[ProcessIo], accounts: &[AccountId]) {
        let mut before = std::mem::take(&mut self.tracked);
        self.tracked.reserve(processes.len());
        for process in processes {
            let known = before.remove(&process.id);
            let (mut account, io) = known.map_or((None, None), |it| (it.account, it.io));
            if let Place::Entity(entity) = process.place {
                account = Some(accounts[entity]);
            }
            let io = match (process.place, account) {
                // It has ended before it was seen anywhere. If it began since the last collection, its
                // parent will count what it did: nothing of that has been counted.
                (Place::Ended, None) if self.is_newborn(process) => Some(IoCounters::default()),
                (Place::Ended, None) => io.or(process.io),
                _ => process.io.or(io),
            };
            let tracked = Tracked {
                parent: process.parent,
                io,
                account,
            };
            self.tracked.insert(process.id, tracked);
        }
    }
}

/// Takes `io` off the growth of the heirs, the nearest first, if together they have grown by so much.
fn take_off(io: IoCounters, heirs: &[usize], growths: &mut [IoCounters]) -> bool {
    let grown = heirs
        .iter()
        .fold(IoCounters::default(), |sum, heir| sum.plus(growths[*heir]));
    if !grown.covers(io) {
        return false;
    }
    let mut rest = io;
    for heir in heirs {
        let part = rest.least(growths[*heir]);
        growths[*heir] = growths[*heir].since(part);
        rest = rest.since(part);
    }
    true
}

#[cfg(test)]
mod tests;
