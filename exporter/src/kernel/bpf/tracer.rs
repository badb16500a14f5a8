//! Programs that count what happens, as it happens: loading an object of them and reading its maps.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use libbpf_rs::skel::{OpenSkel, Skel, SkelBuilder};
use libbpf_rs::{ErrorKind, Link, MapCore, MapFlags, MapHandle, Object};

use super::features::Features;
use super::hooks::{FunctionHooks, Plan, Way};
use super::skeletons::storage;
use super::slots::Slots;
use super::table::{Table, stripes};
use super::{BpfError, BtfFile, Settings, statistics};

/// Probes that begin together ask together.
const FEATURES_LAST: Duration = Duration::from_secs(30);
/// The only module whose functions are hooked.
const MODULE: &str = "virtio_net";

/// What all tracing programs share.
#[derive(Debug)]
pub struct Tracing {
    slots: Slots,
    function_hooks: FunctionHooks,
    features: Mutex<Option<(Instant, Arc<Features>)>>,
    attempt: AtomicU64,
    settings: Settings,
    btf: BtfFile,
    /// Rows of a slot in a table.
    pub stripes: u32,
}

/// A loaded object whose programs hang on their hooks; they are taken off when it is dropped.
pub struct Tracer {
    // Before the object: programs end before their maps.
    links: Vec<Link>,
    object: Box<dyn HasObject + Send>,
    stripes: u32,
    /// How it is hooked.
    pub way: Way,
    /// Why it is not hooked the ways that come before.
    pub refusals: Vec<String>,
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

impl Tracing {
    /// Nothing is loaded yet.
    ///
    /// # Errors
    /// The map that all share cannot be made.
    pub fn new(settings: Settings) -> Result<Self, BpfError> {
        let cpus =
            libbpf_rs::num_possible_cpus().map_err(|error| BpfError::of("counting the CPUs", &error))?;
        Ok(Self {
            slots: Slots::new()?,
            function_hooks: FunctionHooks::default(),
            features: Mutex::default(),
            btf: BtfFile::find(settings.btf_path.as_deref())?,
            attempt: AtomicU64::default(),
            settings,
            stripes: stripes(u32::try_from(cpus).unwrap_or(u32::MAX)),
        })
    }

    /// What the user said when it was made.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Has everybody try again who could not load, and the kernel asked anew.
    pub fn try_again(&self) {
        *self.features.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.attempt.fetch_add(1, Ordering::Relaxed);
    }

    /// Grows when loading is to be tried again.
    pub fn attempt(&self) -> u64 {
        self.attempt.load(Ordering::Relaxed)
    }

    /// The slots of namespaces.
    pub fn slots(&self) -> &Slots {
        &self.slots
    }

    /// What the running kernel has. It is asked anew after a while, since modules come and go.
    ///
    /// # Errors
    /// The kernel does not describe its types.
    pub fn features(&self) -> Result<Arc<Features>, BpfError> {
        let mut known = self.features.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((since, features)) = &*known
            && since.elapsed() < FEATURES_LAST
        {
            return Ok(Arc::clone(features));
        }
        let mut features =
            Features::of_file(&self.btf.path).map_err(|error| BpfError::NoBtf(error.to_string()))?;
        if let Err(error) = features.add_module(MODULE) {
            // Whoever wants its functions finds them missing, and nobody else.
            tracing::warn!("the types of the module {MODULE} cannot be read: {error}");
        }
        let features = Arc::new(features);
        *known = Some((Instant::now(), Arc::clone(&features)));
        Ok(features)
    }

    /// Loads an object the first way that works. `plan` says what it hangs on, `configure` sets what
    /// its programs must know; `tables` are the maps with rows by slot.
    ///
    /// # Errors
    /// No way works; why not, for each of them.
    pub fn load<B>(
        &self,
        builder: impl Fn() -> B,
        tables: &[&str],
        plan: impl Fn(&mut Plan<'_>),
        configure: impl Fn(&mut B::Output, &Features),
    ) -> Result<Tracer, BpfError>
    where
        B: SkelBuilder<'static>,
        <B::Output as OpenSkel<'static>>::Output: Send + 'static,
    {
        let features = &*self.features()?;
        let mut why: Vec<String> = Vec::new();
        if let Some(only) = self.settings.hooks.filter(|way| !way.has_functions()) {
            why.push(format!("bpfHooks: {} hooks no functions", only.name()));
        }
        let is_wanted = |way: &Way| self.settings.hooks.is_none_or(|only| only == *way);
        for way in Way::ALL.into_iter().filter(is_wanted) {
            let mut planned = Plan::new(features, way);
            plan(&mut planned);
            let (programs, hooks_functions) = match planned.finish() {
                Ok(planned) => planned,
                Err(missing) => {
                    why.extend(missing);
                    continue;
                }
            };
            if way.is_typed() && !self.btf.is_of_kernel {
                why.push(format!("{} needs the kernel's own BTF", way.describe()));
                continue;
            }
            if let Some(refusal) = self.function_hooks.refusal(way).filter(|_| hooks_functions) {
                why.push(refusal.to_owned());
                continue;
            }
            let open = |error| BpfError::of("opening the programs", &error);
            let mut builder = builder();
            if !self.btf.is_of_kernel {
                let object = builder.object_builder_mut();
                object.btf_custom_path(&self.btf.path).map_err(open)?;
            }
            let mut skeleton = builder.open(storage()).map_err(open)?;
            configure(&mut skeleton, features);
            match self.load_way(skeleton, way, &programs, tables) {
                Ok(mut tracer) => {
                    why.dedup();
                    tracer.refusals = why;
                    return Ok(tracer);
                }
                Err(error) => {
                    let words = BpfError::of("loading the programs", &error);
                    if matches!(words, BpfError::Capabilities(_)) {
                        return Err(words);
                    }
                    if hooks_functions && error.kind() == ErrorKind::PermissionDenied {
                        self.function_hooks.note_refusal(way);
                    }
                    let refusal = self.function_hooks.refusal(way).filter(|_| hooks_functions);
                    why.push(refusal.map_or_else(|| format!("{}: {error}", way.describe()), str::to_owned));
                }
            }
        }
        why.dedup();
        Err(BpfError::NoHook(why.join("; ")))
    }

    fn load_way<O>(
        &self,
        mut open: O,
        way: Way,
        programs: &[String],
        tables: &[&str],
    ) -> Result<Tracer, libbpf_rs::Error>
    where
        O: OpenSkel<'static>,
        O::Output: Send + 'static,
    {
        let is_planned = |name: &std::ffi::OsStr| programs.iter().any(|it| name == it.as_str());
        for mut program in open.open_object_mut().progs_mut() {
            let wanted = is_planned(program.name());
            program.set_autoload(wanted);
        }
        for mut map in open.open_object_mut().maps_mut() {
            let name = map.name().to_string_lossy().into_owned();
            if name == "known_netns" {
                map.reuse_fd(self.slots.map().as_fd())?;
            } else if tables.contains(&name.as_str()) {
                map.set_max_entries(super::slots::SLOTS * self.stripes)?;
            }
        }
        let skeleton = open.load()?;
        let mut links = Vec::new();
        for program in skeleton.object().progs_mut() {
            if is_planned(program.name()) {
                links.push(program.attach()?);
            }
        }
        Ok(Tracer {
            links,
            object: Box::new(Holder(skeleton)),
            stripes: self.stripes,
            way,
            refusals: Vec::new(),
        })
    }
}

impl Tracer {
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
        tracing.slots.register(&table);
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
