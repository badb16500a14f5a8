//! What probes have in common whose numbers BPF programs count while things happen.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{NodeProbe, NodeView, Pass, ProbeError, ProbeSpec, Rows, Traced};
use crate::kernel::bpf::{BpfError, Tracer, Tracing};
use crate::metrics::Scope;
use crate::node::Entity;

/// Programs that could not be loaded are tried again: a module may have come.
const TRY_AGAIN: Duration = Duration::from_mins(1);

/// How the programs of a probe are loaded, and how their counts are read.
pub trait Counting: Send + Sized {
    /// What it takes from its arguments.
    type Settings: Send;

    /// Loads them.
    ///
    /// # Errors
    /// The kernel or this process cannot.
    fn load(traced: &Traced, settings: &Self::Settings) -> Result<Self, BpfError>;

    /// What was loaded.
    fn tracer(&self) -> &Tracer;

    /// Fills the rows of the entities.
    ///
    /// # Errors
    /// A map cannot be read.
    fn fill(&mut self, traced: &Traced, settings: &Self::Settings, rows: &mut Rows) -> Result<(), BpfError>;

    /// Why it sees less on this kernel than on others, if it does.
    fn limits(&self) -> Option<String> {
        None
    }

    /// How often something found no room in a map since the programs were loaded: a namespace no slot,
    /// or what is under way no place.
    ///
    /// # Errors
    /// A map cannot be read.
    fn without_room(&self, _traced: &Traced) -> Result<u64, BpfError> {
        Ok(0)
    }
}

/// Why they could not be loaded.
struct Failure {
    error: BpfError,
    since: Instant,
    attempt: u64,
}

/// A probe over such programs.
pub struct TracerProbe<C: Counting> {
    settings: C::Settings,
    counting: Option<C>,
    /// Under what they were loaded, or failed to be.
    tracing: Option<Arc<Tracing>>,
    failure: Option<Failure>,
    without_room: u64,
}

impl<C: Counting> TracerProbe<C> {
    /// One that loads its programs with the first collection.
    pub fn new(settings: C::Settings) -> Self {
        Self {
            settings,
            counting: None,
            tracing: None,
            failure: None,
            without_room: 0,
        }
    }

    fn load(&mut self, traced: &Traced) -> Result<(), ProbeError> {
        let same = self
            .tracing
            .as_ref()
            .is_some_and(|it| Arc::ptr_eq(it, &traced.tracing));
        if !same {
            (self.counting, self.failure) = (None, None);
            self.tracing = Some(Arc::clone(&traced.tracing));
        }
        if self.counting.is_none() {
            let attempt = traced.tracing.attempt();
            if let Some(failure) = &self.failure
                && failure.since.elapsed() < TRY_AGAIN
                && failure.attempt == attempt
            {
                return Err(of(failure.error.clone()));
            }
            match C::load(traced, &self.settings) {
                Ok(counting) => {
                    self.failure = None;
                    self.without_room = 0;
                    self.counting = Some(counting);
                }
                Err(error) => {
                    self.failure = Some(Failure {
                        error: error.clone(),
                        since: Instant::now(),
                        attempt,
                    });
                    return Err(of(error));
                }
            }
        }
        Ok(())
    }
}

/// What the kernel has nothing to hang on is not there to be measured.
fn of(error: BpfError) -> ProbeError {
    match error {
        BpfError::NoHook(why) => ProbeError::NotApplicable(why.into()),
        BpfError::Off => ProbeError::NotApplicable(BpfError::Off.to_string().into()),
        error => ProbeError::Bpf(error),
    }
}

/// Says of a probe that counts by namespace how many of those that hold a process found no slot.
fn too_many(spec: &ProbeSpec, entities: &[Entity], slots: &[Option<u32>]) -> Option<String> {
    let counts_by_slot = spec
        .metrics
        .iter()
        .any(|metric| metric.scope == Scope::PodAndNode);
    let waits = |(entity, slot): &(&Entity, &Option<u32>)| {
        entity.has_netns() && entity.processes > 0 && slot.is_none()
    };
    let waiting = entities.iter().zip(slots).filter(waits).count();
    (counts_by_slot && waiting > 0)
        .then(|| format!("{waiting} network namespaces too many: they have no numbers"))
}

impl<C: Counting> NodeProbe for TracerProbe<C> {
    fn source(&self) -> &'static str {
        "bpf"
    }

    fn pass(&self) -> Option<Pass> {
        Some(Pass::Tracing)
    }

    fn collect(&mut self, node: &NodeView<'_>, rows: &mut Rows) -> Result<(), ProbeError> {
        let traced = match (&node.seen.traced, &node.seen.why_not_traced) {
            (Some(traced), _) => traced,
            (None, Some(why)) => return Err(of(why.clone())),
            (None, None) => return Err(ProbeError::NotApplicable("BPF is not used".into())),
        };
        self.load(traced)?;
        let Some(counting) = &mut self.counting else {
            return Err(ProbeError::NotApplicable("nothing is loaded".into()));
        };
        counting.fill(traced, &self.settings, rows)?;
        let crowded = too_many(rows.spec, &node.entities.exported, &traced.slots);
        let limits: Vec<String> = counting.limits().into_iter().chain(crowded).collect();
        rows.limits = (!limits.is_empty()).then(|| limits.join("; "));
        let without_room = counting.without_room(traced)?;
        rows.bpf_run_time = traced.measured.then(|| counting.tracer().run_time());
        rows.without_room = without_room.saturating_sub(self.without_room);
        self.without_room = without_room;
        Ok(())
    }
}
