//! A loaded object of programs that count what happens, as it happens, and reading its maps.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use libbpf_rs::skel::Skel;
use libbpf_rs::{Link, MapCore, MapFlags, MapHandle, Object};

use super::hooks::Way;
use super::table::Table;
use super::{BpfError, Tracing, statistics};

/// A loaded object whose programs hang on their hooks; they are taken off when it is dropped.
pub struct Tracer {
    // Before the object: programs end before their maps.
    links: Vec<Link>,
    object: Box<dyn HasObject + Send>,
    stripes: u32,
    way: Way,
    refusals: Vec<String>,
}

impl std::fmt::Debug for Tracer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tracer")
            .field("way", &self.way)
            .field("links", &self.links.len())
            .finish_non_exhaustive()
    }
}

trait HasObject {
    fn object(&self) -> &Object;
}

struct Holder<S>(S);

impl<S: Skel<'static>> HasObject for Holder<S> {
    fn object(&self) -> &Object {
        self.0.object()
    }
}

impl Tracer {
    /// An object whose programs hang on their hooks by `links`, with that many rows a slot.
    pub fn new(
        object: impl Skel<'static> + Send + 'static,
        links: Vec<Link>,
        stripes: u32,
        way: Way,
    ) -> Self {
        Self {
            links,
            object: Box::new(Holder(object)),
            stripes,
            way,
            refusals: Vec::new(),
        }
    }

    /// The same, with why it is not hooked the ways that come before.
    #[must_use]
    pub fn instead_of(self, refusals: Vec<String>) -> Self {
        Self { refusals, ..self }
    }

    /// What tracepoints miss that stand in for functions, and why they do; nothing if functions are
    /// hooked.
    pub fn limits(&self, missed: &str) -> Option<String> {
        let why = self.refusals.join(", ");
        (!self.way.has_functions()).then(|| format!("{why}: tracepoints stand in, {missed}"))
    }

    /// How long its programs have run while the kernel measured.
    pub fn run_time(&self) -> Duration {
        let programs = self.object.object().progs();
        let times = programs.filter_map(|program| statistics::run_time(program.as_fd()));
        times.sum()
    }

    /// The table of that name, whose rows are zeroed from now on when a slot is taken back.
    ///
    /// # Errors
    /// There is no such map.
    pub fn table(&self, tracing: &Tracing, name: &str) -> Result<Arc<Table>, BpfError> {
        self.table_of(tracing, name, self.stripes)
    }

    /// The same, of a table with one row a slot.
    ///
    /// # Errors
    /// There is no such map.
    pub fn narrow_table(&self, tracing: &Tracing, name: &str) -> Result<Arc<Table>, BpfError> {
        self.table_of(tracing, name, 1)
    }

    fn table_of(&self, tracing: &Tracing, name: &str, stripes: u32) -> Result<Arc<Table>, BpfError> {
        let table = Arc::new(Table::new(self.map(name)?, stripes));
        tracing.slots().register(&table);
        Ok(table)
    }

    /// The map of that name.
    ///
    /// # Errors
    /// There is no such map.
    pub fn map(&self, name: &str) -> Result<MapHandle, BpfError> {
        let failed = |error: &libbpf_rs::Error| BpfError::of("opening a map", error);
        let mut maps = self.object.object().maps();
        let map = maps
            .find(|map| map.name() == name)
            .ok_or_else(|| BpfError::Other {
                step: "opening a map",
                error: format!("there is no {name}"),
            })?;
        MapHandle::try_from(&map).map_err(|error| failed(&error))
    }
}

/// The only value of a map, of each CPU, as words.
///
/// # Errors
/// The map cannot be read.
pub fn words_by_cpu(map: &MapHandle) -> Result<Vec<Vec<u64>>, BpfError> {
    let values = map
        .lookup_percpu(&0_u32.to_ne_bytes(), MapFlags::ANY)
        .map_err(|error| BpfError::of("reading a map", &error))?;
    Ok(values
        .unwrap_or_default()
        .iter()
        .map(|value| words(value))
        .collect())
}

/// The only value of a map, as words.
///
/// # Errors
/// The map cannot be read.
pub fn words_of(map: &MapHandle) -> Result<Vec<u64>, BpfError> {
    let value = map
        .lookup(&0_u32.to_ne_bytes(), MapFlags::ANY)
        .map_err(|error| BpfError::of("reading a map", &error))?;
    Ok(words(&value.unwrap_or_default()))
}

fn words(bytes: &[u8]) -> Vec<u64> {
    let word = |chunk: &[u8]| chunk.first_chunk().map_or(0, |it| u64::from_ne_bytes(*it));
    bytes.chunks_exact(8).map(word).collect()
}
