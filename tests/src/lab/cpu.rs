//! On which CPU a test runs.

use anyhow::Result;
use rustix::thread::{CpuSet, sched_getcpu, sched_setaffinity};

/// Keeps the calling thread, and threads and processes that it starts from now on, on one CPU. So
/// packets between namespaces arrive in the order in which they were sent: they wait at the CPU that
/// sent them, and those of a thread that moves can overtake each other.
pub fn stay_on_this_cpu() -> Result<()> {
    let mut only = CpuSet::new();
    only.set(sched_getcpu());
    Ok(sched_setaffinity(None, &only)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rustix::thread::sched_getaffinity;

    use super::*;

    #[test]
    fn threads_started_from_now_on_stay_too() {
        stay_on_this_cpu().unwrap();
        let within = std::thread::spawn(|| sched_getaffinity(None).unwrap());
        assert_eq!(within.join().unwrap().count(), 1);
    }
}
