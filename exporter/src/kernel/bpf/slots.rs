//! Slots: the small numbers by which tracing programs count for network namespaces.
//!
//! A slot is given to a namespace by an entry in the map `known_netns`, and taken back in this order:
//! the entry is deleted; every program that could have read it has ended; the rows of the slot are
//! zeroed in every table; the slot is free. So no count of an old namespace gets into a new one.
//!
//! Who finds no slot left waits for one. The programs count all who wait together, so that it can be said how much
//! is missing, and no numbers are exported of them.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use libbpf_rs::libbpf_sys::bpf_map_create_opts;
use libbpf_rs::{ErrorKind, MapCore, MapFlags, MapHandle, MapType};
use rustc_hash::{FxHashMap, FxHashSet};

use super::BpfError;
use super::table::Table;
use crate::kernel::rcu;

/// What belongs to no namespace that is known.
pub const UNKNOWN: u32 = 0;
/// What belongs to namespaces that wait for a slot.
pub const FULL: u32 = 1;
/// How many slots there are (`SLOTS` in `bpf/include/slots.h`).
pub const SLOTS: u32 = 512;
const FIRST: u32 = 2;
/// Entries of the map, as in `bpf/include/slots.h`.
const ENTRIES: u32 = 2 * SLOTS;
/// As many as the map has room for. What is beyond counts as unknown to the programs.
const MOST_WAITING: usize = (ENTRIES - (SLOTS - FIRST)) as usize;

/// Marks a key of the map as an inode (`BY_INODE` in `bpf/include/slots.h`).
const BY_INODE: u64 = 1 << 63;

/// What tells a namespace from all others, also from those that have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NetnsKey {
    /// Its cookie, which is never used again.
    Cookie {
        /// The cookie.
        cookie: u64,
        /// Its inode.
        inode: u32,
    },
    /// Its inode, which is, and since when it has a process: it is not known to be the same one once
    /// all processes that were in it have ended.
    Inode {
        /// Its inode.
        inode: u32,
        /// When the oldest process in it was started, in clock ticks since boot.
        since: u64,
    },
}

impl NetnsKey {
    /// What the programs find it by.
    fn in_map(self) -> u64 {
        match self {
            Self::Cookie { cookie, .. } => cookie,
            Self::Inode { inode, .. } => BY_INODE | u64::from(inode),
        }
    }

    fn inode(self) -> u32 {
        match self {
            Self::Cookie { inode, .. } | Self::Inode { inode, .. } => inode,
        }
    }
}

/// The slots of all tracing programs.
#[derive(Debug)]
pub struct Slots {
    map: MapHandle,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    given: FxHashMap<NetnsKey, u32>,
    /// Those that have an entry and no slot.
    waiting: FxHashSet<NetnsKey>,
    free: Vec<u32>,
    tables: Vec<Weak<Table>>,
}

impl Slots {
    /// None is given yet.
    ///
    /// # Errors
    /// The map cannot be made.
    pub fn new() -> Result<Self, BpfError> {
        let options = bpf_map_create_opts {
            sz: size_of::<bpf_map_create_opts>() as _,
            ..bpf_map_create_opts::default()
        };
        let map = MapHandle::create(MapType::Hash, Some("known_netns"), 8, 8, ENTRIES, &options)
            .map_err(|error| BpfError::of("making the map of namespaces", &error))?;
        let state = State {
            given: FxHashMap::default(),
            waiting: FxHashSet::default(),
            free: (FIRST..SLOTS).rev().collect(),
            tables: Vec::new(),
        };
        Ok(Self {
            map,
            state: Mutex::new(state),
        })
    }

    /// The map that the programs look namespaces up in.
    pub fn map(&self) -> &MapHandle {
        &self.map
    }

    /// Has the rows of a table zeroed whenever a slot is taken back, for as long as the table lives.
    pub fn register(&self, table: &Arc<Table>) {
        self.lock().tables.push(Arc::downgrade(table));
    }

    /// Takes back the slots of all who are not among `namespaces`, and gives each of these one. Returns
    /// the slots in their order; none where there is none left.
    ///
    /// # Errors
    /// The map cannot be changed.
    pub fn settle(&self, namespaces: &[Option<NetnsKey>]) -> Result<Vec<Option<u32>>, BpfError> {
        let mut state = self.lock();
        let failed = |error: libbpf_rs::Error| BpfError::of("changing the map of namespaces", &error);
        let present: FxHashSet<NetnsKey> = namespaces.iter().flatten().copied().collect();
        self.take_back(&mut state, &present).map_err(failed)?;
        let slot = |netns: &Option<NetnsKey>| match netns {
            Some(netns) => self.give(&mut state, *netns),
            None => Ok(None),
        };
        let slots: Result<_, _> = namespaces.iter().map(slot).collect();
        slots.map_err(failed)
    }

    fn give(&self, state: &mut State, netns: NetnsKey) -> Result<Option<u32>, libbpf_rs::Error> {
        if let Some(slot) = state.given.get(&netns) {
            return Ok(Some(*slot));
        }
        let enter = |slot: u32| {
            let value = [slot.to_ne_bytes(), netns.inode().to_ne_bytes()].concat();
            self.map
                .update(&netns.in_map().to_ne_bytes(), &value, MapFlags::ANY)
        };
        if let Some(slot) = state.free.last().copied() {
            enter(slot)?;
            state.free.pop();
            state.waiting.remove(&netns);
            state.given.insert(netns, slot);
            return Ok(Some(slot));
        }
        if !state.waiting.contains(&netns) && state.waiting.len() < MOST_WAITING {
            enter(FULL)?;
            state.waiting.insert(netns);
        }
        Ok(None)
    }

    fn take_back(&self, state: &mut State, present: &FxHashSet<NetnsKey>) -> Result<(), libbpf_rs::Error> {
        let is_gone = |netns: &NetnsKey| !present.contains(netns);
        let gone: Vec<NetnsKey> = state.given.keys().copied().filter(is_gone).collect();
        let left: Vec<NetnsKey> = state.waiting.iter().copied().filter(is_gone).collect();
        for netns in gone.iter().chain(&left) {
            match self.map.delete(&netns.in_map().to_ne_bytes()) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                // Deleted already if what follows failed the last time.
                _ => {}
            }
            state.waiting.remove(netns);
        }
        if gone.is_empty() {
            return Ok(());
        }
        rcu::wait_for_readers();
        state.tables.retain(|table| table.strong_count() > 0);
        for netns in gone {
            let Some(slot) = state.given.remove(&netns) else {
                continue;
            };
            for table in state.tables.iter().filter_map(Weak::upgrade) {
                table.zero(slot)?;
            }
            state.free.push(slot);
        }
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
