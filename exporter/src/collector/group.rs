//! Probes that share files, collected together: each file of a namespace is read once.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::config::{Args, ProbeConfig};
use crate::kernel::own_process::thread_cpu;
use crate::kernel::procfs::{NetFile, NetnsFiles, ProcFs};
use crate::node::{Entities, Entity};
use crate::probes::{NetnsView, NodeView, Pass, Probe, ProbeError, ProbeSpec, Rows, Seen};

/// The source of probes that read files.
pub const FILES_SOURCE: &str = "procfs";

/// A probe with its state.
pub struct Member {
    pub spec: &'static ProbeSpec,
    pub args: Args,
    pub probe: Probe,
    /// Of the entities that the BPF passes cover, those whose numbers they give.
    pub by_pass: ByPass,
}

/// What a collection begins with: who is on the node, and what the passes saw.
#[derive(Debug, Default, Clone)]
pub struct Scene {
    pub entities: Entities,
    pub seen: Seen,
}

impl Scene {
    /// Whether the pass over all tasks has the counters of an entity.
    pub fn covers(&self, entity: &Entity) -> bool {
        let tasks = self.seen.tasks.as_ref().zip(entity.cookie);
        tasks.is_some_and(|(tasks, cookie)| tasks.netns.contains_key(&cookie))
    }
}

/// Whose numbers the BPF passes give.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ByPass {
    /// Nobody's.
    #[default]
    Nobody,
    /// Those of all but the host.
    AllButHost,
    /// Everybody's.
    All,
}

impl std::fmt::Debug for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Member")
            .field("probe", &self.spec.name)
            .finish_non_exhaustive()
    }
}

impl Member {
    pub fn is(&self, config: &ProbeConfig) -> bool {
        self.spec.name == config.spec.name && self.args == config.args
    }

    /// `true` if it takes the files of such a namespace.
    fn reads(&self, is_host: bool, is_covered: bool) -> bool {
        match &self.probe {
            Probe::Files(probe) => {
                (is_host || !probe.is_of_node()) && !(is_covered && self.is_by_pass(is_host))
            }
            Probe::Node(_) => false,
        }
    }

    fn is_by_pass(&self, is_host: bool) -> bool {
        match self.by_pass {
            ByPass::Nobody => false,
            ByPass::AllButHost => !is_host,
            ByPass::All => true,
        }
    }

    /// A probe that panicked may be left in any state: it begins anew.
    fn renew(&mut self) {
        if let Ok(probe) = (self.spec.build)(&self.args) {
            self.probe = probe;
        }
    }
}

/// Probes that share files, or one that gathers everything by itself.
#[derive(Debug, Default)]
pub struct Group {
    pub members: Vec<Member>,
    files: Vec<NetFile>,
    buffers: NetnsFiles,
}

/// What a group gave in one collection.
#[derive(Debug, Default)]
pub struct GroupResult {
    pub outcomes: Vec<Outcome>,
    /// For each entity that was read: its index and that of the reader.
    pub readers: Vec<(usize, usize)>,
    /// Namespaces without a process that could not be entered.
    pub closed: usize,
    pub duration: Duration,
    pub cpu: Duration,
}

/// What one probe of a group gave.
#[derive(Debug)]
pub struct Outcome {
    pub rows: Rows,
    pub source: &'static str,
    /// The pass that it takes its numbers from by itself.
    pub pass: Option<Pass>,
    stopped: bool,
}

impl Outcome {
    fn of(member: &Member, entities: usize) -> Self {
        let source = match &member.probe {
            Probe::Files(_) => FILES_SOURCE,
            Probe::Node(probe) => probe.source(),
        };
        Self {
            rows: Rows::new(member.spec, entities),
            source,
            pass: member.probe.pass(),
            stopped: false,
        }
    }

    fn stop(&mut self, member: &mut Member, error: &ProbeError) {
        self.rows.fail(error, None);
        self.stopped = true;
        if matches!(error, ProbeError::Panicked(_)) {
            member.renew();
        }
    }
}

impl Group {
    /// Splits `members` into groups that share no file.
    pub fn split(members: Vec<Member>) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        for member in members {
            let files = match &member.probe {
                Probe::Files(probe) => probe.files(),
                Probe::Node(_) => &[],
            };
            let shares = |group: &Self| group.files.iter().any(|file| files.contains(file));
            let mut joined = Self {
                members: vec![member],
                files: files.to_vec(),
                ..Self::default()
            };
            let (sharing, apart): (Vec<_>, Vec<_>) = groups.into_iter().partition(shares);
            for group in sharing {
                joined.members.extend(group.members);
                joined.files.extend(group.files);
            }
            joined.files.sort_unstable();
            joined.files.dedup();
            groups = apart;
            groups.push(joined);
        }
        groups
    }

    /// Collects from every entity what the passes do not give.
    pub fn run(&mut self, procfs: &ProcFs, scene: &Scene) -> GroupResult {
        let (began, cpu) = (Instant::now(), thread_cpu());
        let count = scene.entities.exported.len();
        let mut result = GroupResult {
            outcomes: self
                .members
                .iter()
                .map(|member| Outcome::of(member, count))
                .collect(),
            ..GroupResult::default()
        };
        self.prepare(procfs, scene, &mut result);
        if !self.files.is_empty() {
            self.read_files(procfs, scene, &mut result);
        }
        result.duration = began.elapsed();
        result.cpu = thread_cpu().saturating_sub(cpu);
        result
    }

    /// What is done once for the node: all of it, by a probe that gathers everything by itself.
    fn prepare(&mut self, procfs: &ProcFs, scene: &Scene, result: &mut GroupResult) {
        let nothing = Seen {
            why_not_traced: scene.seen.why_not_traced.clone(),
            ..Seen::default()
        };
        for (member, outcome) in self.members.iter_mut().zip(&mut result.outcomes) {
            let node = &NodeView {
                procfs,
                entities: &scene.entities,
                seen: if member.by_pass == ByPass::Nobody {
                    &nothing
                } else {
                    &scene.seen
                },
            };
            let done = guarded(|| match &mut member.probe {
                Probe::Files(probe) => probe.prepare(node),
                Probe::Node(probe) => probe.collect(node, &mut outcome.rows),
            });
            if let Err(error) = done {
                outcome.stop(member, &error);
            } else if let Probe::Node(probe) = &member.probe {
                outcome.source = probe.source();
            }
        }
    }

    fn read_files(&mut self, procfs: &ProcFs, scene: &Scene, result: &mut GroupResult) {
        let host = scene.entities.host().map(|host| host.inode);
        let left_by_pass = [false, true].map(|is_host| self.files_left_by_pass(is_host));
        for (index, entity) in scene.entities.with_netns() {
            let is_host = host == Some(entity.inode);
            let is_covered = scene.covers(entity);
            if !self
                .members
                .iter()
                .any(|member| member.reads(is_host, is_covered))
            {
                continue;
            }
            let files = if is_covered {
                &left_by_pass[usize::from(is_host)]
            } else {
                &self.files
            };
            match load(&mut self.buffers, procfs, entity, files) {
                Ok(Some(reader)) => {
                    result.readers.push((index, reader));
                    self.read(index, entity, (is_host, is_covered), result);
                }
                // The namespace has gone since the scan.
                Ok(None) => {}
                Err(_) => result.closed += 1,
            }
        }
    }

    /// The files of the members that the pass does not serve.
    fn files_left_by_pass(&self, is_host: bool) -> Vec<NetFile> {
        let members = self.members.iter().filter(|member| !member.is_by_pass(is_host));
        let files = members.filter_map(|member| match &member.probe {
            Probe::Files(probe) => Some(probe.files()),
            Probe::Node(_) => None,
        });
        let mut files: Vec<NetFile> = files.flatten().copied().collect();
        files.sort_unstable();
        files.dedup();
        files
    }

    fn read(
        &mut self,
        index: usize,
        entity: &Entity,
        (is_host, is_covered): (bool, bool),
        result: &mut GroupResult,
    ) {
        let netns = NetnsView {
            files: &self.buffers,
            is_host,
        };
        for (member, outcome) in self.members.iter_mut().zip(&mut result.outcomes) {
            if outcome.stopped || !member.reads(is_host, is_covered) {
                continue;
            }
            let Probe::Files(probe) = &mut member.probe else {
                continue;
            };
            let filled = outcome
                .rows
                .fill(index, entity, |row| guarded(|| probe.read(&netns, row)));
            if matches!(filled, Err(ProbeError::Panicked(_))) {
                outcome.stopped = true;
                member.renew();
            }
        }
    }
}

/// Loads the files through the first reader that leads somewhere. A namespace that may not be
/// entered is an error, one that is gone is none.
fn load(
    buffers: &mut NetnsFiles,
    procfs: &ProcFs,
    entity: &Entity,
    files: &[NetFile],
) -> std::io::Result<Option<usize>> {
    for (index, reader) in entity.readers.iter().enumerate() {
        match buffers.load(procfs, reader, entity.inode, files) {
            Ok(()) => return Ok(Some(index)),
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => return Err(error),
            Err(_) => {}
        }
    }
    Ok(None)
}

/// A defect of one probe is that probe's failure and nobody else's.
fn guarded(run: impl FnOnce() -> Result<(), ProbeError>) -> Result<(), ProbeError> {
    catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|panic| Err(ProbeError::Panicked(panic_message(panic.as_ref()))))
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".into())
}
