//! Slots: the small numbers by which tracing programs count for network namespaces.
//!
//! A slot is given to a namespace by an entry in the map `known_netns`, and taken back in this order:
//! the entry is deleted; every program that could have read it has ended; the rows of the slot are
//! zeroed in every table; the slot is free. So no count of an old namespace gets into a new one.

use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use libbpf_rs::libbpf_sys::bpf_map_create_opts;
use libbpf_rs::{MapCore, MapFlags, MapHandle, MapType};
use rustc_hash::{FxHashMap, FxHashSet};

use super::BpfError;
use super::table::Table;
use crate::kernel::rcu;

/// What belongs to no namespace that is known.
pub const UNKNOWN: u32 = 0;
/// What belongs to namespaces that are known and found no slot.
pub const FULL: u32 = 1;
/// How many slots there are (`SLOTS` in `bpf/include/slots.h`).
pub const SLOTS: u32 = 512;
const FIRST: u32 = 2;

/// A namespace by its cookie and its inode.
pub type NetnsKey = (u64, u32);

/// The slots of all tracing programs.
#[derive(Debug)]
pub struct Slots {
    map: MapHandle,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    given: FxHashMap<u64, u32>,
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
        let map = MapHandle::create(MapType::Hash, Some("known_netns"), 8, 8, 2 * SLOTS, &options)
            .map_err(|error| BpfError::of("making the map of namespaces", &error))?;
        let state = State {
            given: FxHashMap::default(),
            free: (FIRST..SLOTS).rev().collect(),
            tables: Vec::new(),
        };
        Ok(Self {
            map,
            state: Mutex::new(state),
        })
    }

    /// The map that the programs look namespaces up in.
    pub fn map(&self) -> &impl AsFd {
        &self.map
    }

    /// Has the rows of a table zeroed whenever a slot is taken back, for as long as the table lives.
    pub fn register(&self, table: &Arc<Table>) {
        self.lock().tables.push(Arc::downgrade(table));
    }

    /// Gives every namespace a slot and takes back those of all others. Returns the slots in their
    /// order; [`FULL`] where there is none left.
    ///
    /// # Errors
    /// The map cannot be changed.
    pub fn settle(&self, namespaces: &[Option<NetnsKey>]) -> Result<Vec<Option<u32>>, BpfError> {
        let mut state = self.lock();
        let failed = |error: &libbpf_rs::Error| BpfError::of("changing the map of namespaces", error);
        let present: FxHashSet<u64> = namespaces.iter().flatten().map(|(cookie, _)| *cookie).collect();
        self.take_back(&mut state, &present)
            .map_err(|error| failed(&error))?;
        let mut give = |(cookie, inode): NetnsKey| {
            if let Some(slot) = state.given.get(&cookie) {
                return Ok(*slot);
            }
            let slot = state.free.pop().unwrap_or(FULL);
            let value = [slot.to_ne_bytes(), inode.to_ne_bytes()].concat();
            self.map.update(&cookie.to_ne_bytes(), &value, MapFlags::ANY)?;
            state.given.insert(cookie, slot);
            Ok(slot)
        };
        let slots = namespaces.iter().map(|netns| netns.map(&mut give).transpose());
        slots.collect::<Result<_, _>>().map_err(|error| failed(&error))
    }

    fn take_back(&self, state: &mut State, present: &FxHashSet<u64>) -> Result<(), libbpf_rs::Error> {
        let gone = |(cookie, slot): (&u64, &u32)| (!present.contains(cookie)).then_some((*cookie, *slot));
        let gone: Vec<(u64, u32)> = state.given.iter().filter_map(gone).collect();
        if gone.is_empty() {
            return Ok(());
        }
        for (cookie, _) in &gone {
            self.map.delete(&cookie.to_ne_bytes())?;
            state.given.remove(cookie);
        }
        rcu::wait_for_readers();
        state.tables.retain(|table| table.strong_count() > 0);
        for (_, slot) in gone.iter().filter(|(_, slot)| *slot != FULL) {
            for table in state.tables.iter().filter_map(Weak::upgrade) {
                table.zero(*slot)?;
            }
            state.free.push(*slot);
        }
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
