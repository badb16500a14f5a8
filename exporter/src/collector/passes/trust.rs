//! Trust, but check: what the pass says of the own namespace must lie between two reads of its files.

use super::PassPlan;
use crate::config::Args;
use crate::kernel::bpf::{BpfError, TaskPass, TaskSnapshot};
use crate::kernel::procfs::{NetnsFiles, NetnsReader, ProcFs};
use crate::metrics::{Kind, Metric};
use crate::probes::{NetnsView, Probe};

type Row = Vec<Option<u64>>;

/// Compares every number of the plans.
///
/// # Errors
/// The pass cannot be read, or says something else than the files.
pub fn compare(procfs: &ProcFs, pass: &mut TaskPass, plans: &[PassPlan]) -> Result<(), BpfError> {
    let before = of_files(procfs, plans)?;
    let snapshot = pass
        .read()
        .map_err(|error| BpfError::of_io("reading the task pass", &error))?;
    let after = of_files(procfs, plans)?;
    let cookie = own_cookie(&snapshot)?;
    let counters = snapshot
        .netns
        .get(&cookie)
        .ok_or_else(|| distrusted("it does not see the own namespace".into()))?;
    for ((plan, before), after) in plans.iter().zip(&before).zip(&after) {
        let metrics = plan.spec().metrics;
        let mut row = vec![None; metrics.len()];
        plan.put(counters, &mut row);
        for (((metric, low), number), high) in metrics.iter().zip(before).zip(&row).zip(after) {
            if !agrees(metric, *low, *number, *high) {
                let shown = |it: &Option<u64>| it.map_or_else(|| "none".into(), |number| number.to_string());
                return Err(distrusted(format!(
                    "{} is {} by the pass, {} to {} by the files",
                    metric.name,
                    shown(number),
                    shown(low),
                    shown(high)
                )));
            }
        }
    }
    Ok(())
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

fn of_files(procfs: &ProcFs, plans: &[PassPlan]) -> Result<Vec<Row>, BpfError> {
    let inode = own_inode(procfs)?;
    plans
        .iter()
        .map(|plan| of_files_of(procfs, plan, inode))
        .collect()
}

fn own_inode(procfs: &ProcFs) -> Result<u64, BpfError> {
    procfs
        .namespace_inode("self/ns/net")
        .map_err(|error| BpfError::of_io("reading the own files", &error))
}

fn of_files_of(procfs: &ProcFs, plan: &PassPlan, inode: u64) -> Result<Row, BpfError> {
    let step = "reading the own files";
    let failed = |error: String| BpfError::Other { step, error };
    let spec = plan.spec();
    let mut row = vec![None; spec.metrics.len()];
    if let Probe::Files(mut probe) =
        (spec.build)(&Args::default()).map_err(|error| failed(error.to_string()))?
    {
        let mut files = NetnsFiles::default();
        files
            .load(procfs, &NetnsReader::Task("self".into()), inode, probe.files())
            .map_err(|error| failed(error.to_string()))?;
        let view = NetnsView {
            files: &files,
            is_host: false,
        };
        probe
            .read(&view, &mut row)
            .map_err(|error| failed(error.to_string()))?;
    }
    Ok(row)
}

fn own_cookie(snapshot: &TaskSnapshot) -> Result<u64, BpfError> {
    let own = std::process::id();
    let task = snapshot
        .tasks
        .iter()
        .find(|task| task.is_process() && task.tgid == own);
    task.map(|task| task.netns)
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
    fn a_gauge_that_moved_may_have_been_anywhere() {
        let gauge = Metric::gauge("a", "1", "", Source::Other(""));
        assert!(agrees(&gauge, Some(5), Some(9), Some(6)));
        assert!(agrees(&gauge, Some(5), Some(5), Some(5)));
        assert!(!agrees(&gauge, Some(5), Some(6), Some(5)));
    }
}
