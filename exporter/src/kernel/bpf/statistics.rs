//! How long BPF programs run, which the kernel measures while somebody asks for it.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

use libbpf_rs::libbpf_sys::{BPF_STATS_RUN_TIME, bpf_enable_stats};

/// 1 where the administrator has them measured all the time.
const SYSCTL: &str = "/proc/sys/kernel/bpf_stats_enabled";

/// Keeps the kernel measuring for as long as it lives, some 20 ns each time a program runs.
#[derive(Debug)]
pub struct Statistics {
    _held: OwnedFd,
}

impl Statistics {
    /// Has the kernel measure.
    ///
    /// # Errors
    /// The kernel is older than 5.8, or `CAP_SYS_ADMIN` is missing.
    #[allow(unsafe_code)]
    pub fn hold() -> io::Result<Self> {
        // SAFETY: the call takes a number and gives a new file descriptor, or a negative error.
        let fd = unsafe { bpf_enable_stats(BPF_STATS_RUN_TIME) };
        if fd < 0 {
            return Err(io::Error::from_raw_os_error(-fd));
        }
        // SAFETY: nobody else has this descriptor.
        let held = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { _held: held })
    }

    /// Whether the kernel measures without being asked.
    pub fn are_on() -> bool {
        fs::read_to_string(SYSCTL).is_ok_and(|text| text.trim() == "1")
    }
}

/// How long a program has run while the kernel measured (`bpf_prog_show_fdinfo`).
pub fn run_time(program: BorrowedFd<'_>) -> Option<Duration> {
    let about = fs::read_to_string(format!("/proc/self/fdinfo/{}", program.as_raw_fd())).ok()?;
    let nanoseconds = about.lines().find_map(|line| line.strip_prefix("run_time_ns:"))?;
    nanoseconds.trim().parse().ok().map(Duration::from_nanos)
}
