//! Runs collections: scans the node, has the groups read it, and judges what they give.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use super::collection::{Collection, ProbeResult, ProbeState, ProbeStatus};
use super::group::{ByPass, FILES_SOURCE, Group, GroupResult, Member, Outcome, Scene};
use super::passes::Passes;
use super::series;
use crate::config::Config;
use crate::kernel::bpf::TaskSnapshot;
use crate::kernel::own_process::thread_cpu;
use crate::kernel::procfs::ProcFs;
use crate::metrics::Samples;
use crate::node::{Entities, Naming, PodNames, ScanProblem, Scanner, is_in};
use crate::probes::{Pass, ProbeError, ProbeSpec};

/// The source of probes that a pass serves.
const PASS_SOURCE: &str = "bpf";
/// How long a collection waits at most for the names of pods that nobody has named yet.
const LOOK_PATIENCE: Duration = Duration::from_secs(1);
/// Parallel reads of procfs hurt large hosts.
const WORKERS: usize = 2;

/// What lives on from one collection to the next.
#[derive(Debug)]
pub struct Engine {
    procfs: ProcFs,
    scanner: Scanner,
    passes: Passes,
    names: PodNames,
    config: Option<Arc<Config>>,
    /// Groups that can be used now; the others are still being read.
    idle: Vec<Group>,
    generation: u64,
    finished: mpsc::Receiver<Finished>,
    finish: mpsc::Sender<Finished>,
    totals: BTreeMap<&'static str, Totals>,
    number: u64,
}

/// What counts up for as long as the exporter runs.
#[derive(Debug, Default, Clone, Copy)]
struct Totals {
    errors: u64,
    series_dropped: u64,
    map_full: u64,
    state: Option<ProbeState>,
}

#[derive(Debug)]
struct Finished {
    group: Group,
    result: GroupResult,
    /// Configuration and collection it worked for.
    generation: u64,
    number: u64,
}

impl Engine {
    /// An engine over `procfs`; `own_pod` is the UID of the pod of the exporter, if it is in one.
    /// With `use_bpf` it reads by BPF what can be read so. Pods are called by `names`.
    pub fn new(procfs: ProcFs, own_pod: Option<String>, use_bpf: bool, names: PodNames) -> Self {
        let (finish, finished) = mpsc::channel();
        Self {
            scanner: Scanner::new(procfs.clone(), own_pod),
            passes: Passes::new(procfs.clone(), use_bpf),
            procfs,
            names,
            config: None,
            idle: Vec::new(),
            generation: 0,
            finished,
            finish,
            totals: BTreeMap::new(),
            number: 0,
        }
    }

    /// One collection under `config`. A probe that takes longer than `deadline` is left out.
    pub fn collect(&mut self, config: &Arc<Config>, deadline: Duration) -> Collection {
        let (started, cpu) = (Instant::now(), thread_cpu());
        self.number += 1;
        self.reconfigure(config);
        let mut seen = self.passes.read(self.wants(Pass::Files));
        let (naming, entities, looked) = self.scan(seen.tasks.as_deref(), deadline / 4);
        if self.wants(Pass::Tracing) {
            match self.passes.trace(&entities) {
                Ok(traced) => seen.traced = Some(Arc::new(traced)),
                Err(error) => seen.why_not_traced = Some(error),
            }
        }
        let scene = Arc::new(Scene { entities, seen });
        let results = self.read(&scene, deadline.saturating_sub(looked));
        let Scene { mut entities, seen } = Arc::unwrap_or_clone(scene);
        let mut worked = thread_cpu().saturating_sub(cpu);
        let mut outcomes = Vec::new();
        let mut closed = 0;
        let mut readers = Vec::new();
        for result in results {
            worked += result.cpu;
            closed = closed.max(result.closed);
            readers.extend(result.readers);
            outcomes.extend(
                result
                    .outcomes
                    .into_iter()
                    .map(|outcome| (outcome, result.duration)),
            );
        }
        self.discard_moved(&entities, readers, &mut outcomes);
        if let Some(tasks) = &seen.tasks {
            self.fill_by_pass(&entities, tasks, &mut outcomes);
        }
        if closed > 0 {
            entities.problems.push(ScanProblem::Closed(closed));
        }
        let mut probes = self.judge(config, entities.exported.len(), outcomes, deadline);
        let labels = series::labels(&entities, config, &naming);
        let pod_info = series::labels_of_pods(&entities, config);
        series::drop_duplicates(&entities, &labels, &mut probes);
        series::limit(config.max_series, &mut probes);
        self.keep_totals(&mut probes);
        Collection {
            number: self.number,
            started,
            config: Arc::clone(config),
            entities,
            labels,
            machine: series::labels_of_machine(config),
            pod_info,
            probes,
            duration: started.elapsed(),
            cpu: worked,
        }
    }

    /// Who is on the node, and how long it took to look for pods: one may have processes before the
    /// watch has told of it. The API server is then asked at once, for no longer than `patience`, and
    /// until it names the pod nothing of it goes out.
    fn scan(&mut self, tasks: Option<&TaskSnapshot>, patience: Duration) -> (Naming, Entities, Duration) {
        let naming = self.names.naming();
        let entities = self.scanner.scan(&naming, tasks);
        let began = Instant::now();
        self.names
            .look(&entities.unknown_pods, LOOK_PATIENCE.min(patience));
        let looked = began.elapsed();
        let now = self.names.naming();
        if !now.names_any(&entities.unknown_pods) {
            return (naming, entities, looked);
        }
        let entities = self.scanner.scan(&now, tasks);
        (now, entities, looked)
    }

    /// Probes that did not change keep running with their state.
    fn reconfigure(&mut self, config: &Arc<Config>) {
        self.take_back();
        let same = self.config.as_ref().is_some_and(|it| Arc::ptr_eq(it, config));
        if same {
            return;
        }
        let mut old: Vec<Member> = self.idle.drain(..).flat_map(|group| group.members).collect();
        let mut members = Vec::new();
        for wanted in &config.probes {
            match old.iter().position(|member| member.is(wanted)) {
                Some(at) => members.push(old.swap_remove(at)),
                // The arguments were checked when the file was loaded.
                None => match (wanted.spec.build)(&wanted.args) {
                    Ok(probe) => members.push(Member {
                        by_pass: ByPass::Nobody,
                        spec: wanted.spec,
                        args: wanted.args.clone(),
                        probe,
                    }),
                    Err(error) => tracing::error!(probe = wanted.spec.name, %error, "cannot be made"),
                },
            }
        }
        self.idle = Group::split(members);
        self.passes.configure(&config.bpf);
        self.generation += 1;
        self.config = Some(Arc::clone(config));
    }

    /// Groups that were late last time and have finished since can be used again.
    fn take_back(&mut self) {
        while let Ok(late) = self.finished.try_recv() {
            if late.generation == self.generation {
                self.idle.push(late.group);
            }
        }
    }

    /// Whether a probe wants a pass.
    fn wants(&self, pass: Pass) -> bool {
        let mut members = self.idle.iter().flat_map(|group| &group.members);
        members.any(|member| member.probe.pass() == Some(pass))
    }

    /// Has every idle group read, on threads that a hanging read cannot take from anyone else.
    fn read(&mut self, scene: &Arc<Scene>, deadline: Duration) -> Vec<GroupResult> {
        for member in self.idle.iter_mut().flat_map(|group| &mut group.members) {
            member.by_pass = self.passes.serves(member);
        }
        let until = Instant::now() + deadline;
        let mut waiting = self.idle.len();
        let queue: Arc<Mutex<VecDeque<Group>>> = Arc::new(Mutex::new(self.idle.drain(..).collect()));
        let workers = WORKERS.min(waiting);
        for worker in 0..workers {
            self.spawn_worker(worker, &queue, scene);
        }
        let mut results = Vec::new();
        // A worker that hangs must not keep the groups behind it from being read.
        let mut replaced = false;
        while waiting > 0 {
            let left = until.saturating_duration_since(Instant::now());
            let patience = if replaced { left } else { left.min(deadline / 2) };
            match self.finished.recv_timeout(patience) {
                Ok(finished) => {
                    if finished.generation == self.generation {
                        self.idle.push(finished.group);
                    }
                    if finished.number == self.number {
                        waiting -= 1;
                        results.push(finished.result);
                    }
                }
                Err(_) if !replaced => {
                    replaced = true;
                    (0..workers).for_each(|worker| self.spawn_worker(worker, &queue, scene));
                }
                Err(_) => break,
            }
        }
        // What nobody has begun by now is not begun any more.
        self.idle
            .extend(queue.lock().unwrap_or_else(PoisonError::into_inner).drain(..));
        results
    }

    fn spawn_worker(&self, worker: usize, queue: &Arc<Mutex<VecDeque<Group>>>, scene: &Arc<Scene>) {
        let (queue, scene) = (Arc::clone(queue), Arc::clone(scene));
        let (procfs, finish) = (self.procfs.clone(), self.finish.clone());
        let (generation, number) = (self.generation, self.number);
        let work = move || {
            let take = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let mut scene = Some(scene);
            let mut next = take();
            while let Some((mut group, its)) = next.zip(scene.take()) {
                let result = group.run(&procfs, &its);
                next = take();
                // Whoever receives the last result has the scene to himself and need not copy it.
                scene = next.is_some().then_some(its);
                let finished = Finished {
                    group,
                    result,
                    generation,
                    number,
                };
                if finish.send(finished).is_err() {
                    return;
                }
            }
        };
        if let Err(error) = std::thread::Builder::new()
            .name(format!("read-{worker}"))
            .spawn(work)
        {
            tracing::error!(%error, "cannot start a thread to read the namespaces");
        }
    }

    /// A process may have moved to another namespace, or died, between the scan and the reads:
    /// what was read through it may belong to someone else.
    fn discard_moved(
        &mut self,
        entities: &Entities,
        mut readers: Vec<(usize, usize)>,
        outcomes: &mut [(Outcome, Duration)],
    ) {
        readers.sort_unstable();
        readers.dedup();
        let mut again = None;
        for (index, reader) in readers {
            let entity = &entities.exported[index];
            let reader = &entity.readers[reader];
            let is_there = self.scanner.leads_to(reader, entity.inode).unwrap_or_else(|| {
                // Who may not read the link asks the pass a second time.
                let again = again.get_or_insert_with(|| self.passes.read_again());
                again
                    .as_ref()
                    .zip(entity.cookie)
                    .is_some_and(|(again, cookie)| is_in(again, reader, cookie))
            });
            if !is_there {
                self.scanner.forget(reader);
                let all = outcomes.iter_mut();
                all.for_each(|(outcome, _)| outcome.rows.samples.clear_row(index));
            }
        }
    }

    /// What the pass gives does not depend on any reader.
    fn fill_by_pass(&self, entities: &Entities, tasks: &TaskSnapshot, outcomes: &mut [(Outcome, Duration)]) {
        for (outcome, _) in outcomes {
            if self.passes.fill(&mut outcome.rows, entities, tasks) {
                outcome.source = PASS_SOURCE;
            }
        }
    }

    /// The result of every configured probe; one whose group is not back is late.
    fn judge(
        &self,
        config: &Config,
        entities: usize,
        mut outcomes: Vec<(Outcome, Duration)>,
        deadline: Duration,
    ) -> Vec<ProbeResult> {
        let result = |spec: &'static ProbeSpec| {
            let totals = self.totals.get(spec.name).copied().unwrap_or_default();
            let of_spec = outcomes
                .iter()
                .position(|(outcome, _)| outcome.rows.spec.name == spec.name);
            match of_spec.map(|at| outcomes.swap_remove(at)) {
                Some((outcome, duration)) => {
                    let not_by_pass = self.passes.reason(spec, outcome.pass);
                    judged(outcome, duration, totals, not_by_pass)
                }
                None => late(spec, entities, deadline, totals),
            }
        };
        config.probes.iter().map(|probe| probe.spec).map(result).collect()
    }

    fn keep_totals(&mut self, probes: &mut [ProbeResult]) {
        for probe in probes {
            let (status, name) = (&mut probe.status, probe.spec.name);
            status.series = probe.samples.series();
            let totals = self.totals.entry(name).or_default();
            if totals.state != Some(status.state) {
                log_state(name, totals.state, status);
            }
            *totals = Totals {
                errors: status.errors_total,
                series_dropped: status.series_dropped_total,
                map_full: status.map_full_total,
                state: Some(status.state),
            };
        }
    }
}

fn judged(outcome: Outcome, duration: Duration, totals: Totals, not_by_pass: Option<String>) -> ProbeResult {
    let rows = outcome.rows;
    let (state, reason) = match (rows.read, rows.not_applicable, rows.error) {
        (0, Some(why), None) => (ProbeState::NotApplicable, Some(why.into_owned())),
        (0, _, error) => {
            let reason = error.unwrap_or_else(|| "no network namespace could be read".into());
            (ProbeState::Failed, Some(reason))
        }
        (_, _, error) => {
            let instead = not_by_pass.map(|why| format!("{}: {why}", instead(outcome.source)));
            let failed =
                error.map(|error| format!("{} namespaces could not be read in full: {error}", rows.failed));
            let reasons: Vec<String> = instead.into_iter().chain(rows.limits).chain(failed).collect();
            (ProbeState::Up, (!reasons.is_empty()).then(|| reasons.join("; ")))
        }
    };
    let status = ProbeStatus {
        state,
        source: outcome.source,
        reason,
        duration,
        series: 0,
        errors_total: totals.errors + rows.failed as u64,
        series_dropped_total: totals.series_dropped,
        map_full_total: totals.map_full + rows.without_room,
        bpf_run_time: rows.bpf_run_time,
    };
    ProbeResult {
        spec: rows.spec,
        samples: rows.samples,
        status,
    }
}

/// Where the numbers come from that a pass does not give.
fn instead(source: &str) -> &'static str {
    match source {
        "netlink" => "asked over netlink",
        _ => "read from files",
    }
}

fn late(spec: &'static ProbeSpec, entities: usize, deadline: Duration, totals: Totals) -> ProbeResult {
    let status = ProbeStatus {
        state: ProbeState::Failed,
        source: FILES_SOURCE,
        reason: Some(ProbeError::Late(deadline.as_secs_f64()).to_string()),
        duration: deadline,
        series: 0,
        errors_total: totals.errors + 1,
        series_dropped_total: totals.series_dropped,
        map_full_total: totals.map_full,
        bpf_run_time: None,
    };
    ProbeResult {
        spec,
        samples: Samples::new(spec.metrics, entities),
        status,
    }
}

fn log_state(probe: &str, before: Option<ProbeState>, status: &ProbeStatus) {
    let reason = status.reason.as_deref().unwrap_or_default();
    match status.state {
        ProbeState::Failed => tracing::warn!(probe, reason, "probe failed"),
        ProbeState::NotApplicable => tracing::info!(probe, reason, "probe does not apply here"),
        ProbeState::Up if before.is_some() => tracing::info!(probe, "probe is up again"),
        ProbeState::Up => tracing::debug!(probe, "probe is up"),
    }
}
