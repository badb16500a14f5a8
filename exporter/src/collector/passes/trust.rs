//! Trust, but check: what a pass says of the exporter itself and of its namespace must lie between
//! two reads of the kernel's files.

mod files;

pub use files::compare_files;

use super::{Distrusted, PassPlan};
use crate::config::Args;
use crate::kernel::bpf::records::TaskRecord;
use crate::kernel::bpf::{BpfError, TaskPass, TaskSnapshot};
use crate::kernel::procfs::io::{self, IoCounters};
use crate::kernel::procfs::{NetFile, NetnsFiles, NetnsReader, ProcFs};
use crate::metrics::{Kind, Metric};
use crate::probes::{NetnsView, Probe};

type Row = Vec<Option<u64>>;

/// A socket that is there for a moment shows in a gauge of the pass alone.
const ATTEMPTS: usize = 5;

/// Compares every number of the plans, and what the exporter itself has read and written. Returns
/// the probes for which the pass says something else every time.
///
/// # Errors
/// The pass cannot be read, or does not see the exporter where it is.
pub fn compare_tasks(
    procfs: &ProcFs,
    pass: &mut TaskPass,
    plans: &[PassPlan],
) -> Result<Distrusted, BpfError> {
    that_stay(|| compare_once(procfs, pass, plans))
}

/// The differences that show in every one of the attempts.
fn that_stay(mut compare: impl FnMut() -> Result<Distrusted, BpfError>) -> Result<Distrusted, BpfError> {
    let mut differing = compare()?;
    for _ in 1..ATTEMPTS {
        if differing.is_empty() {
            break;
        }
        let again = compare()?;
        differing.retain(|probe, _| again.contains_key(probe));
    }
    Ok(differing)
}

fn compare_once(procfs: &ProcFs, pass: &mut TaskPass, plans: &[PassPlan]) -> Result<Distrusted, BpfError> {
    let before = Own::read(procfs, plans)?;
    let snapshot = pass
        .read()
        .map_err(|error| BpfError::of_io("reading the task pass", &error))?;
    let after = Own::read(procfs, plans)?;
    let own = own_task(&snapshot)?;
    let counters = snapshot
        .netns
        .get(&own.netns)
        .ok_or_else(|| distrusted("it does not see the own namespace".into()))?;
    let mut differing = Distrusted::default();
    for ((plan, before), after) in plans.iter().zip(&before.rows).zip(&after.rows) {
        let metrics = plan.spec().metrics;
        let mut row = vec![None; metrics.len()];
        plan.put(counters, &mut row);
        let mut compared = metrics.iter().zip(before).zip(&row).zip(after);
        let difference = compared.find_map(|(((metric, low), number), high)| {
            (!agrees(metric, *low, *number, *high)).then(|| shown(metric.name, *low, *number, *high))
        });
        differing.extend(difference.map(|it| (plan.probe(), distrusted(it))));
    }
    let io = differs_in_io(before.io, own, after.io);
    differing.extend(io.map(|it| ("io", distrusted(it))));
    Ok(differing)
}

/// What files say of the own namespace and of the own process.
struct Own {
    /// A row for each plan. What its files do not have, the pass must not have either.
    rows: Vec<Row>,
    io: Option<IoCounters>,
}

impl Own {
    fn read(procfs: &ProcFs, plans: &[PassPlan]) -> Result<Self, BpfError> {
        let step = "reading the own files";
        let inode = procfs
            .namespace_inode("self/ns/net")
            .map_err(|error| BpfError::of_io(step, &error))?;
        let mut probes: Vec<Option<Probe>> = plans
            .iter()
            .map(|plan| (plan.spec().build)(&Args::default()).ok())
            .collect();
        let mut names: Vec<NetFile> = Vec::new();
        for probe in probes.iter().flatten() {
            if let Probe::Files(probe) = probe {
                names.extend(probe.files());
            }
        }
        names.sort_unstable();
        names.dedup();
        let mut files = NetnsFiles::default();
        files
            .load(procfs, &NetnsReader::Task("self".into()), inode, &names)
            .map_err(|error| BpfError::of_io(step, &error))?;
        let view = NetnsView {
            files: &files,
            is_host: false,
        };
        let row_of = |(plan, probe): (&PassPlan, &mut Option<Probe>)| {
            let nothing = vec![None; plan.spec().metrics.len()];
            let mut row = nothing.clone();
            match probe {
                Some(Probe::Files(probe)) => probe.read(&view, &mut row).map_or(nothing, |()| row),
                _ => nothing,
            }
        };
        Ok(Self {
            rows: plans.iter().zip(&mut probes).map(row_of).collect(),
            io: io::of_process(procfs, std::process::id()).ok(),
        })
    }
}

fn shown(name: &str, low: Option<u64>, number: Option<u64>, high: Option<u64>) -> String {
    let [low, number, high] =
        [low, number, high].map(|it| it.map_or_else(|| "none".into(), |number| number.to_string()));
    format!("{name} is {number} by the pass, {low} to {high} by the files")
}

fn differs_in_io(before: Option<IoCounters>, own: &TaskRecord, after: Option<IoCounters>) -> Option<String> {
    let (before, after) = (before?, after?);
    if !own.counts_io() {
        return Some("it finds no task_io_accounting".into());
    }
    // Threads that come and go keep it from adding up; that is not a difference.
    let pass = own.io()?;
    let is_between = pass.covers(before) && after.covers(pass);
    let parent = std::os::unix::process::parent_id();
    // A parent in another pid namespace is 0 in ours, and the pass does not see it.
    let is_child = own.parent == parent || parent == 0;
    let differs = || {
        format!(
            "{pass:?} of {} by the pass, {before:?} to {after:?} of {parent}",
            own.parent
        )
    };
    (!(is_between && is_child)).then(differs)
}

/// A counter lies between the two reads. A gauge may have gone anywhere, unless it stood still.
fn agrees(metric: &Metric, low: Option<u64>, number: Option<u64>, high: Option<u64>) -> bool {
    match (low, number, high) {
        (Some(low), Some(number), Some(high)) if metric.kind == Kind::Counter => {
            number.wrapping_sub(low) <= high.wrapping_sub(low)
        }
        (low, number, high) => low.is_some() == number.is_some() && (low != high || number == low),
    }
}

fn own_task(snapshot: &TaskSnapshot) -> Result<&TaskRecord, BpfError> {
    let own = std::process::id();
    let mut tasks = snapshot.tasks.iter();
    tasks
        .find(|task| task.is_process() && task.tgid == own)
        .ok_or_else(|| distrusted("it does not see the exporter itself".into()))
}

fn distrusted(why: String) -> BpfError {
    BpfError::Distrusted(why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Source;

    #[test]
    fn a_counter_agrees_between_two_reads_also_where_it_wraps() {
        let counter = Metric::counter("a", "1", "", Source::Other(""));
        for (low, number, high, expected) in [
            (5, 5, 5, true),
            (5, 6, 7, true),
            (5, 8, 7, false),
            (5, 4, 7, false),
            (u64::MAX, 0, 1, true),
        ] {
            assert_eq!(
                agrees(&counter, Some(low), Some(number), Some(high)),
                expected,
                "{low} {number} {high}"
            );
        }
        assert!(agrees(&counter, None, None, None));
        assert!(!agrees(&counter, Some(1), None, Some(1)));
    }

    #[test]
    fn only_a_difference_that_stays_counts() {
        let differing = |probes: &[&'static str]| -> Distrusted {
            let with_error = |probe: &&'static str| (*probe, distrusted(String::new()));
            probes.iter().map(with_error).collect()
        };
        let mut looks = [&["sock", "tcp"][..], &["tcp"], &["sock"]].into_iter();
        let stay = that_stay(|| Ok(differing(looks.next().unwrap_or_default())));
        assert_eq!(stay, Ok(Distrusted::default()));
        assert_eq!(looks.next(), None, "it looked until nothing was left");
        let stay = that_stay(|| Ok(differing(&["tcp"])));
        assert_eq!(stay, Ok(differing(&["tcp"])));
    }

    #[test]
    fn a_gauge_that_moved_may_have_been_anywhere() {
        let gauge = Metric::gauge("a", "1", "", Source::Other(""));
        assert!(agrees(&gauge, Some(5), Some(9), Some(6)));
        assert!(agrees(&gauge, Some(5), Some(5), Some(5)));
        assert!(!agrees(&gauge, Some(5), Some(6), Some(5)));
    }
}
