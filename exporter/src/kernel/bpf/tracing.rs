//! What tracing programs share, and loading an object of them the first way that works.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use libbpf_rs::ErrorKind;
use libbpf_rs::skel::{OpenSkel, Skel, SkelBuilder};

use super::features::Features;
use super::hooks::{FunctionHooks, Plan, Way};
use super::skeletons::storage;
use super::slots::{SLOTS, Slots};
use super::table::stripes;
use super::{BpfError, BtfFile, Settings, Tracer};

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

/// Why programs cannot be loaded.
enum Refusal {
    /// One way; nothing is said if another one has said it.
    OfWay(Option<String>),
    /// Any way.
    OfAll(BpfError),
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
        let only = self.settings.hooks;
        let mut why: Vec<String> = Vec::new();
        if let Some(only) = only.filter(|way| !way.has_functions()) {
            why.push(format!("bpfHooks: {} hooks no functions", only.name()));
        }
        let is_wanted = |way: &Way| only.is_none_or(|only| only == *way);
        for way in Way::ALL.into_iter().filter(is_wanted) {
            let mut planned = Plan::new(features, way);
            plan(&mut planned);
            let open = || self.open(builder(), |open| configure(open, features));
            match self.load_way(planned, open, tables) {
                Ok(tracer) => {
                    why.dedup();
                    return Ok(tracer.instead_of(why));
                }
                Err(Refusal::OfWay(words)) => why.extend(words),
                Err(Refusal::OfAll(error)) => return Err(error),
            }
        }
        why.dedup();
        Err(BpfError::NoHook(why.join("; ")))
    }

    fn load_way<O>(
        &self,
        planned: Plan<'_>,
        open: impl Fn() -> Result<O, BpfError>,
        tables: &[&str],
    ) -> Result<Tracer, Refusal>
    where
        O: OpenSkel<'static>,
        O::Output: Send + 'static,
    {
        let way = planned.way;
        let (programs, hooks_functions) = planned.finish().map_err(Refusal::OfWay)?;
        if way.is_typed() && !self.btf.is_of_kernel {
            let words = format!("{} needs the kernel's own BTF", way.describe());
            return Err(Refusal::OfWay(Some(words)));
        }
        if let Some(refusal) = self.refusal(way, hooks_functions) {
            return Err(Refusal::OfWay(Some(refusal.to_owned())));
        }
        let open = open().map_err(Refusal::OfAll)?;
        self.attach(open, way, &programs, tables)
            .map_err(|error| self.note(way, hooks_functions, &error))
    }

    /// Why functions cannot be hooked this way, if some are to be and it is known.
    fn refusal(&self, way: Way, hooks_functions: bool) -> Option<&'static str> {
        self.function_hooks.refusal(way).filter(|_| hooks_functions)
    }

    /// What it means that the kernel has refused programs.
    fn note(&self, way: Way, hooks_functions: bool, error: &libbpf_rs::Error) -> Refusal {
        let words = BpfError::of("loading the programs", error);
        if matches!(words, BpfError::Capabilities(_)) {
            return Refusal::OfAll(words);
        }
        if hooks_functions && error.kind() == ErrorKind::PermissionDenied {
            self.function_hooks.note_refusal(way);
        }
        let refusal = self.refusal(way, hooks_functions).map(str::to_owned);
        Refusal::OfWay(Some(
            refusal.unwrap_or_else(|| format!("{}: {error}", way.describe())),
        ))
    }

    fn open<B: SkelBuilder<'static>>(
        &self,
        mut builder: B,
        configure: impl Fn(&mut B::Output),
    ) -> Result<B::Output, BpfError> {
        let failed = |error| BpfError::of("opening the programs", &error);
        if !self.btf.is_of_kernel {
            let object = builder.object_builder_mut();
            object.btf_custom_path(&self.btf.path).map_err(failed)?;
        }
        let mut open = builder.open(storage()).map_err(failed)?;
        configure(&mut open);
        Ok(open)
    }

    fn attach<O>(
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
                map.set_max_entries(SLOTS * self.stripes)?;
            }
        }
        let skeleton = open.load()?;
        let mut links = Vec::new();
        for program in skeleton.object().progs_mut() {
            if is_planned(program.name()) {
                links.push(program.attach()?);
            }
        }
        Ok(Tracer::new(skeleton, links, self.stripes, way))
    }
}
