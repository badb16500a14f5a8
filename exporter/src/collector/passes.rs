//! The BPF pass over all tasks: whether it can be used, whether it is right, and what to do if not.

mod plan;
mod trust;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::kernel::bpf::{BpfError, TaskPass, TaskSnapshot};
use crate::kernel::procfs::ProcFs;
use crate::node::{Entities, EntityKind};
use crate::probes::{ProbeSpec, Rows};

pub use plan::PassPlan;

/// `PROC_PID_INIT_INO` of `linux/proc_ns.h`: the pid namespace of the host.
const HOST_PID_NAMESPACE: u64 = 0xEFFF_FFFC;
/// How often the pass is compared with the files, and tried again if it failed.
const CHECK_EVERY: Duration = Duration::from_mins(5);

/// The pass, or why there is none.
#[derive(Debug)]
pub struct Passes {
    procfs: ProcFs,
    wanted: bool,
    pass: Option<TaskPass>,
    plans: Vec<PassPlan>,
    state: Result<(), BpfError>,
    checked: Option<Instant>,
}

impl Passes {
    /// Nothing is loaded before the first collection; never if `wanted` is false.
    pub fn new(procfs: ProcFs, wanted: bool) -> Self {
        let state = Err(BpfError::Off);
        if !wanted {
            tracing::info!("counters are read from files: {}", BpfError::Off);
        }
        Self {
            procfs,
            wanted,
            pass: None,
            plans: Vec::new(),
            state,
            checked: None,
        }
    }

    /// Goes over all tasks; `None` where that cannot be done or trusted, see [`Passes::reason`].
    pub fn read(&mut self) -> Option<Arc<TaskSnapshot>> {
        let is_due = self
            .checked
            .is_none_or(|checked| checked.elapsed() >= CHECK_EVERY);
        if self.wanted && is_due {
            self.checked = Some(Instant::now());
            let state = self.check();
            self.change(state);
        }
        if self.state.is_err() {
            return None;
        }
        let pass = self.pass.as_mut()?;
        match pass.read() {
            Ok(snapshot) => {
                let new_cgroups = pass.take_new_cgroups();
                Some(Arc::new(TaskSnapshot {
                    new_cgroups,
                    ..snapshot
                }))
            }
            Err(error) => {
                self.change(Err(BpfError::of_io("reading the task pass", &error)));
                None
            }
        }
    }

    /// Goes over all tasks once more, to see whether they are still where they were.
    pub fn read_again(&mut self) -> Option<TaskSnapshot> {
        self.pass.as_mut()?.read().ok()
    }

    /// Why the files are read for a probe that a pass could serve, in words.
    pub fn reason(&self, spec: &ProbeSpec) -> Option<String> {
        let error = self.state.as_ref().err()?;
        plan::could_serve(spec).then(|| format!("read from files: {error}"))
    }

    /// `true` if the numbers of a probe come from the pass where there is one.
    pub fn serves(&self, probe: &str) -> bool {
        self.state.is_ok() && self.plan(probe).is_some()
    }

    /// `true` if that holds for the host too: some metrics of the node are only in files.
    pub fn serves_host(&self, probe: &str) -> bool {
        self.serves(probe) && self.plan(probe).is_some_and(PassPlan::is_whole)
    }

    /// For each exported entity, whether the pass has its counters.
    pub fn covered(entities: &Entities, snapshot: Option<&TaskSnapshot>) -> Vec<bool> {
        let has_counters = |snapshot: &TaskSnapshot, cookie: u64| snapshot.netns.contains_key(&cookie);
        let is_covered = |cookie: Option<u64>| {
            snapshot
                .zip(cookie)
                .is_some_and(|(it, cookie)| has_counters(it, cookie))
        };
        entities
            .exported
            .iter()
            .map(|entity| is_covered(entity.cookie))
            .collect()
    }

    /// Fills the rows of a probe that the pass serves.
    pub fn fill(&self, rows: &mut Rows, entities: &Entities, snapshot: &TaskSnapshot) {
        let Some(plan) = self.plan(rows.spec.name) else {
            return;
        };
        for (index, entity) in entities.exported.iter().enumerate() {
            let counters = entity.cookie.and_then(|cookie| snapshot.netns.get(&cookie));
            let by_files = entity.kind == EntityKind::Host && !plan.is_whole();
            if let Some(counters) = counters.filter(|_| !by_files) {
                plan.fill(counters, rows, index);
            }
        }
    }

    fn plan(&self, probe: &str) -> Option<&PassPlan> {
        self.plans.iter().find(|plan| plan.probe() == probe)
    }

    /// Loads the pass unless it is loaded, and compares it with the files.
    fn check(&mut self) -> Result<(), BpfError> {
        if !self.procfs.is_own() {
            return Err(BpfError::OtherProcFs);
        }
        if self.procfs.namespace_inode("self/ns/pid").ok() != Some(HOST_PID_NAMESPACE) {
            return Err(BpfError::PidNamespace);
        }
        let pass = match &mut self.pass {
            Some(pass) => pass,
            none => {
                let pass = TaskPass::load()?;
                self.plans = plan::all(pass.layout());
                none.insert(pass)
            }
        };
        trust::compare(&self.procfs, pass, &self.plans)
    }

    fn change(&mut self, state: Result<(), BpfError>) {
        if self.state == state {
            return;
        }
        match &state {
            Ok(()) => tracing::info!("counters are read by a BPF pass over all tasks"),
            Err(error) => tracing::warn!("counters are read from files, which costs more: {error}"),
        }
        self.state = state;
    }
}
