//! Probes that share files, collected together: each file of a namespace is read once.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::{Args, ProbeConfig};
use crate::kernel::own_process::thread_cpu;
use crate::kernel::procfs::{NetFile, NetnsFiles, ProcFs};
use crate::metrics::Samples;
use crate::node::{Entities, Entity};
use crate::probes::{FileProbe, NetnsView, NodeView, ProbeError, ProbeSpec};

/// A probe with its state.
pub struct Member {
    pub spec: &'static ProbeSpec,
    pub args: Args,
    pub probe: Box<dyn FileProbe>,
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

    /// A probe that panicked may be left in any state: it begins anew.
    fn renew(&mut self) {
        if let Ok(probe) = (self.spec.build)(&self.args) {
            self.probe = probe;
        }
    }
}

/// Probes that share files.
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
    pub spec: &'static ProbeSpec,
    pub samples: Samples,
    /// Namespaces it gave numbers for.
    pub read: usize,
    /// Namespaces it failed for.
    pub failed: usize,
    /// The first error, and why it does not apply if it does not.
    pub error: Option<String>,
    pub not_applicable: Option<&'static str>,
    stopped: bool,
}

impl Outcome {
    fn new(spec: &'static ProbeSpec, entities: usize) -> Self {
        Self {
            spec,
            samples: Samples::new(spec.metrics, entities),
            read: 0,
            failed: 0,
            error: None,
            not_applicable: None,
            stopped: false,
        }
    }

    fn fail(&mut self, error: &ProbeError, at: Option<&Entity>) {
        if let ProbeError::NotApplicable(why) = error {
            self.not_applicable = Some(why);
            return;
        }
        self.failed += 1;
        self.error.get_or_insert_with(|| match at {
            Some(entity) if !entity.netns.is_empty() => format!("{}: {error}", entity.netns),
            _ => error.to_string(),
        });
    }
}

impl Group {
    /// Splits `members` into groups that share no file.
    pub fn split(members: Vec<Member>) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        for member in members {
            let files = member.probe.files();
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

    /// Reads every entity.
    pub fn run(&mut self, procfs: &ProcFs, entities: &Arc<Entities>) -> GroupResult {
        let (began, cpu) = (Instant::now(), thread_cpu());
        let exported = &entities.exported;
        let mut result = GroupResult {
            outcomes: self
                .members
                .iter()
                .map(|it| Outcome::new(it.spec, exported.len()))
                .collect(),
            ..GroupResult::default()
        };
        self.prepare(&NodeView { procfs, entities }, &mut result);
        let only_host = self.members.iter().all(|member| member.probe.is_of_node());
        let host = entities.host().map(|host| host.inode);
        for (index, entity) in exported.iter().enumerate() {
            let is_host = host == Some(entity.inode);
            if only_host && !is_host {
                continue;
            }
            match self.load(procfs, entity) {
                Ok(Some(reader)) => result.readers.push((index, reader)),
                // The namespace has gone since the scan.
                Ok(None) => continue,
                Err(_) => {
                    result.closed += 1;
                    continue;
                }
            }
            self.read(index, entity, is_host, &mut result);
        }
        result.duration = began.elapsed();
        result.cpu = thread_cpu().saturating_sub(cpu);
        result
    }

    fn prepare(&mut self, node: &NodeView<'_>, result: &mut GroupResult) {
        for (member, outcome) in self.members.iter_mut().zip(&mut result.outcomes) {
            if let Err(error) = guarded(|| member.probe.prepare(node)) {
                outcome.fail(&error, None);
                outcome.stopped = true;
                member.renew();
            }
        }
    }

    /// Loads the files through the first reader that leads somewhere. A namespace that may not be
    /// entered is an error, one that is gone is none.
    fn load(&mut self, procfs: &ProcFs, entity: &Entity) -> std::io::Result<Option<usize>> {
        for (index, reader) in entity.readers.iter().enumerate() {
            match self.buffers.load(procfs, reader, entity.inode, &self.files) {
                Ok(()) => return Ok(Some(index)),
                Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => return Err(error),
                Err(_) => {}
            }
        }
        Ok(None)
    }

    fn read(&mut self, index: usize, entity: &Entity, is_host: bool, result: &mut GroupResult) {
        let netns = NetnsView {
            files: &self.buffers,
            is_host,
        };
        for (member, outcome) in self.members.iter_mut().zip(&mut result.outcomes) {
            if outcome.stopped || (member.probe.is_of_node() && !is_host) {
                continue;
            }
            let row = outcome.samples.row_mut(index);
            match guarded(|| member.probe.read(&netns, row)) {
                Ok(()) => outcome.read += 1,
                Err(error) => {
                    row.fill(None);
                    outcome.fail(&error, Some(entity));
                    if matches!(error, ProbeError::Panicked(_)) {
                        outcome.stopped = true;
                        member.renew();
                    }
                }
            }
        }
    }
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
