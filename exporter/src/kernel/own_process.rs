//! What the kernel accounts to this process.

use std::io;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::procfs::{self, ProcFs, fields, stat};

/// Resources this process uses, as the `process_*` metrics name them.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub struct OwnProcess {
    /// CPU time of all threads.
    pub cpu: Duration,
    /// Resident memory in bytes.
    pub resident_bytes: u64,
    /// Virtual memory in bytes.
    pub virtual_bytes: u64,
    /// Open file descriptors.
    pub open_fds: u64,
    /// Soft limit of open file descriptors.
    pub max_fds: u64,
    /// Threads.
    pub threads: u64,
}

impl OwnProcess {
    /// Asks the kernel now.
    pub fn now() -> io::Result<Self> {
        let proc = ProcFs::default();
        let statm = proc.read("self/statm")?;
        let mut pages = fields(statm.trim_ascii()).map(|field| procfs::decimal(field).unwrap_or(0));
        let page = rustix::param::page_size() as u64;
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        Ok(Self {
            cpu: process_cpu(),
            virtual_bytes: pages.next().unwrap_or(0) * page,
            resident_bytes: pages.next().unwrap_or(0) * page,
            // The directory being read is open too.
            open_fds: (std::fs::read_dir("/proc/self/fd")?.count() as u64).saturating_sub(1),
            max_fds: limit.current.unwrap_or(u64::MAX),
            threads: std::fs::read_dir("/proc/self/task")?.count() as u64,
        })
    }
}

/// CPU time of the whole process.
pub fn process_cpu() -> Duration {
    cpu_of(ClockId::ProcessCPUTime)
}

/// CPU time of the calling thread.
pub fn thread_cpu() -> Duration {
    cpu_of(ClockId::ThreadCPUTime)
}

fn cpu_of(clock: ClockId) -> Duration {
    Duration::try_from(clock_gettime(clock)).unwrap_or_default()
}

/// When this process started, as unix time.
pub fn start_time() -> io::Result<Duration> {
    let ticks = stat::start_time(&ProcFs::default().read("self/stat")?)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    let since_boot = ticks_to_duration(ticks);
    let age = since_boot_now().saturating_sub(since_boot);
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    Ok(now.saturating_sub(age))
}

/// Time since boot, suspended time included: the clock of process start times.
pub fn since_boot_now() -> Duration {
    cpu_of(ClockId::Boottime)
}

/// Clock ticks of `/proc/<pid>/stat` as a duration.
pub fn ticks_to_duration(ticks: u64) -> Duration {
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    Duration::from_millis(ticks.saturating_mul(1000) / per_second)
}

/// Nanoseconds since boot in clock ticks, as `/proc/<pid>/stat` shows a start time.
pub fn nanos_to_ticks(nanos: u64) -> u64 {
    nanos / (1_000_000_000 / rustix::param::clock_ticks_per_second().max(1))
}

/// Raises the soft limit of open files to the hard one: every connection is a file.
pub fn raise_open_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::debug!(%error, "the limit of open files stays as it is");
        }
    }
}
