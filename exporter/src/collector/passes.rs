//! The BPF passes: whether they can be used, whether they are right, and what to do if not.

mod plan;
mod state;
mod trust;

use std::sync::Arc;

use rustc_hash::FxHashMap;

use self::state::PassState;
use super::group::{ByPass, Member};
use crate::kernel::bpf::{
    BpfError, FilePass, FileSnapshot, NetnsKey, Settings, Statistics, TaskPass, TaskSnapshot, Tracing,
};
use crate::kernel::procfs::ProcFs;
use crate::node::{Entities, Entity, EntityKind};
use crate::probes::{Pass, Probe, ProbeSpec, Rows, Seen, Traced};

pub use plan::PassPlan;

/// `PROC_PID_INIT_INO` of `linux/proc_ns.h`: the pid namespace of the host.
const HOST_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

/// Probes that a pass could serve and does not, since it says something else than the kernel's files.
pub type Distrusted = FxHashMap<&'static str, BpfError>;

/// The passes, or why there are none.
#[derive(Debug)]
pub struct Passes {
    procfs: ProcFs,
    wanted: bool,
    tasks: PassState<TaskPass>,
    files: PassState<FilePass>,
    plans: Vec<PassPlan>,
    distrusted: Distrusted,
    tracing: Option<Arc<Tracing>>,
    settings: Settings,
    statistics: Option<Statistics>,
}

impl Passes {
    /// Nothing is loaded before the first collection; never if `wanted` is false.
    pub fn new(procfs: ProcFs, wanted: bool) -> Self {
        if !wanted {
            tracing::info!("counters are read from files: {}", BpfError::Off);
        }
        Self {
            procfs,
            wanted,
            tasks: PassState::new("counters and processes are read"),
            files: PassState::new("sockets and descriptors are read"),
            plans: Vec::new(),
            distrusted: Distrusted::default(),
            tracing: None,
            settings: Settings::default(),
            statistics: None,
        }
    }

    /// Tells the programs that count by themselves whose namespaces there are.
    ///
    /// # Errors
    /// BPF is not to be used, or cannot be.
    pub fn trace(&mut self, entities: &Entities) -> Result<Traced, BpfError> {
        if let Some(error @ (BpfError::Off | BpfError::OtherProcFs)) = self.tasks.error() {
            return Err(error.clone());
        }
        let tracing = match &self.tracing {
            Some(tracing) => Arc::clone(tracing),
            None => Arc::clone(
                self.tracing
                    .insert(Arc::new(Tracing::new(self.settings.clone())?)),
            ),
        };
        let slots = tracing.slots().settle(&keys(entities))?;
        Ok(Traced {
            tracing,
            measured: self.settings.statistics && (self.statistics.is_some() || Statistics::are_on()),
            slots,
        })
    }

    /// Goes over all tasks and, if `files` are wanted, over all open files. What cannot be done or
    /// not be trusted is left out, see [`Passes::reason`].
    pub fn read(&mut self, files: bool) -> Seen {
        let tasks = self.read_tasks().map(Arc::new);
        let files = if files && tasks.is_some() {
            self.read_files().map(Arc::new)
        } else {
            None
        };
        Seen {
            tasks,
            files,
            ..Seen::default()
        }
    }

    /// Takes what the user says about BPF. Whoever changes something may have mended what kept the
    /// passes from working: the next collection tries anew, and compares them with the files.
    pub fn configure(&mut self, settings: &Settings) {
        self.tasks.check_soon();
        self.files.check_soon();
        let loads_alike =
            |other: &Settings| other.hooks == settings.hooks && other.btf_path == settings.btf_path;
        self.tracing = self.tracing.take().filter(|it| loads_alike(it.settings()));
        if let Some(tracing) = &self.tracing {
            tracing.try_again();
        }
        let is_measured = self.wanted && settings.statistics;
        self.statistics = match self.statistics.take() {
            None if is_measured => hold_statistics(),
            held => held.filter(|_| is_measured),
        };
        self.settings = settings.clone();
    }

    /// Goes over all tasks once more, to see whether they are still where they were.
    pub fn read_again(&mut self) -> Option<TaskSnapshot> {
        self.tasks.loaded()?.read().ok()
    }

    /// Why another source is taken for a probe that a pass could serve.
    pub fn reason(&self, spec: &ProbeSpec, pass: Option<Pass>) -> Option<String> {
        let pass = pass.or_else(|| plan::could_serve(spec).then_some(Pass::Tasks))?;
        if pass == Pass::Tracing {
            // Nothing stands in for it: it says itself why it does not count.
            return None;
        }
        let error = self
            .tasks
            .error()
            .or_else(|| self.files.error().filter(|_| pass == Pass::Files))
            .or_else(|| self.distrusted.get(spec.name))?;
        Some(error.to_string())
    }

    /// Whose numbers the passes give of a probe. Some metrics of the node are only in files.
    pub fn serves(&self, member: &Member) -> ByPass {
        let name = member.spec.name;
        if member.probe.pass() == Some(Pass::Tracing) {
            return ByPass::All;
        }
        if self.tasks.error().is_some() || self.distrusted.contains_key(name) {
            return ByPass::Nobody;
        }
        match &member.probe {
            Probe::Files(_) => match self.plan(name) {
                None => ByPass::Nobody,
                Some(plan) if plan.is_whole() => ByPass::All,
                Some(_) => ByPass::AllButHost,
            },
            Probe::Node(probe) => match probe.pass() {
                None => ByPass::Nobody,
                Some(Pass::Files) if self.files.error().is_some() => ByPass::Nobody,
                Some(_) => ByPass::All,
            },
        }
    }

    /// Fills the rows of a probe whose columns a pass gives; `false` if it gives none of them.
    pub fn fill(&self, rows: &mut Rows, entities: &Entities, tasks: &TaskSnapshot) -> bool {
        let Some(plan) = self.plan(rows.spec.name) else {
            return false;
        };
        for (index, entity) in entities.exported.iter().enumerate() {
            let counters = entity.cookie.and_then(|cookie| tasks.netns.get(&cookie));
            let by_files = entity.kind == EntityKind::Host && !plan.is_whole();
            if let Some(counters) = counters.filter(|_| !by_files) {
                plan.fill(counters, rows, index);
            }
        }
        true
    }

    fn plan(&self, probe: &str) -> Option<&PassPlan> {
        let plan = self.plans.iter().find(|plan| plan.probe() == probe);
        plan.filter(|_| !self.distrusted.contains_key(probe))
    }

    fn read_tasks(&mut self) -> Option<TaskSnapshot> {
        if self.wanted && self.tasks.is_due() {
            let checked = self.check_tasks();
            self.tasks.change(checked);
        }
        let pass = self.tasks.usable()?;
        match pass.read() {
            Ok(snapshot) => {
                let new_cgroups = pass.take_new_cgroups();
                Some(TaskSnapshot {
                    new_cgroups,
                    ..snapshot
                })
            }
            Err(error) => {
                let error = BpfError::of_io("reading the task pass", &error);
                self.tasks.change(Err(error));
                None
            }
        }
    }

    fn read_files(&mut self) -> Option<FileSnapshot> {
        if self.files.is_due() {
            let checked = self.check_files();
            self.files.change(checked);
        }
        let read = self.files.usable()?.read();
        read.map_err(|error| self.files.change(Err(error))).ok()
    }

    /// Loads the pass unless it is loaded, and compares it with the files.
    fn check_tasks(&mut self) -> Result<(), BpfError> {
        if !self.procfs.is_own() {
            return Err(BpfError::OtherProcFs);
        }
        if self.procfs.namespace_inode("self/ns/pid").ok() != Some(HOST_PID_NAMESPACE) {
            return Err(BpfError::PidNamespace);
        }
        let (pass, is_new) = self.tasks.load(TaskPass::load)?;
        if is_new {
            self.plans = plan::all(pass.layout());
        }
        let distrusted = trust::compare_tasks(&self.procfs, pass, &self.plans)?;
        for (probe, error) in &distrusted {
            if self.distrusted.get(probe) != Some(error) {
                tracing::warn!(probe, "the BPF pass over all tasks is not used: {error}");
            }
        }
        self.distrusted = distrusted;
        Ok(())
    }

    fn check_files(&mut self) -> Result<(), BpfError> {
        let (pass, _) = self.files.load(FilePass::load)?;
        trust::compare_files(&self.procfs, pass)
    }
}

fn hold_statistics() -> Option<Statistics> {
    let held = Statistics::hold();
    held.inspect_err(|error| {
        tracing::warn!(
            "bpfStats: the kernel does not measure how long BPF programs run ({error}): it takes CAP_SYS_ADMIN, or \
             the sysctl kernel.bpf_stats_enabled"
        );
    })
    .ok()
}

/// What tells the namespaces of entities from all others. Without a pass there is no cookie, and on
/// kernels that have none the pass gives the inode in its place. A namespace without a process cannot
/// be told from another one with its inode.
fn keys(entities: &Entities) -> Vec<Option<NetnsKey>> {
    let mut oldest = vec![None; entities.exported.len()];
    for process in &entities.processes {
        let since = oldest[process.entity].get_or_insert(process.started);
        *since = process.started.min(*since);
    }
    let key = |(entity, since): (&Entity, Option<u64>)| {
        let inode = u32::try_from(entity.inode).ok()?;
        match entity.cookie.filter(|cookie| *cookie != entity.inode) {
            Some(cookie) => Some(NetnsKey::Cookie { cookie, inode }),
            None if entity.has_netns() => since.map(|since| NetnsKey::Inode { inode, since }),
            None => None,
        }
    };
    entities.exported.iter().zip(oldest).map(key).collect()
}
