//! Child processes that do not outlive the test.

use std::process::{Child, Command, ExitStatus};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
pub use rustix::process::{Pid, Signal, kill_process};

use crate::lab::wait::patience;

/// How often a waiting guard looks whether the process has ended.
const POLL: Duration = Duration::from_millis(2);

/// A child process that is killed and reaped when the guard is dropped.
///
/// It is ended by its own process id. A process started through a wrapper is the wrapper's process
/// only if the wrapper replaces itself (`ip netns exec`, `nsenter`, `unshare -n`, `setpriv`).
#[derive(Debug)]
pub struct Guard {
    child: Child,
}

impl Guard {
    /// Takes charge of `child`.
    pub fn new(child: Child) -> Self {
        Self { child }
    }

    /// Starts `command` and takes charge of the process.
    pub fn spawn(command: &mut Command) -> Result<Self> {
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {command:?}"))?;
        Ok(Self::new(child))
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The standard library's handle, for its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// How the process ended; none while it runs.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        let pid = self.pid();
        self.child
            .try_wait()
            .with_context(|| format!("cannot wait for process {pid}"))
    }

    /// Sends `signal`; a process that has ended is an error.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        if let Some(status) = self.ended()? {
            bail!("process {} has ended already: {status}", self.pid());
        }
        // It has not been reaped, so the id is still its own.
        kill_process(Pid::from_child(&self.child), signal)
            .with_context(|| format!("cannot send {signal:?} to process {}", self.pid()))
    }

    /// Waits for the process to end; one that still runs after `timeout` is an error.
    pub fn wait(&mut self, timeout: Duration) -> Result<ExitStatus> {
        let deadline = Instant::now() + patience(timeout);
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            if Instant::now() >= deadline {
                bail!("process {} still runs after {timeout:?}", self.pid());
            }
            sleep(POLL);
        }
    }

    /// Kills the process and reaps it; nothing happens to one that has ended.
    pub fn kill(&mut self) -> Result<ExitStatus> {
        let pid = self.pid();
        self.child
            .kill()
            .and_then(|()| self.child.wait())
            .with_context(|| format!("cannot end process {pid}"))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Err(error) = self.kill() {
            eprintln!("{error:#}");
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use std::os::unix::process::ExitStatusExt;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::path::Path;

    use super::*;
    use crate::lab::wait::eventually;

    fn sleeper() -> Guard {
        Guard::spawn(Command::new("sleep").arg("60")).unwrap()
    }

    fn exists(pid: u32) -> bool {
        Path::new(&format!("/proc/{pid}")).exists()
    }

    fn state(pid: u32) -> Option<char> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next())
    }

    #[test]
    fn drop_ends_the_process() {
        let guard = sleeper();
        let pid = guard.pid();
        assert!(exists(pid));
        drop(guard);
        assert!(!exists(pid));
    }

    #[test]
    fn a_panic_ends_the_process() {
        let guard = sleeper();
        let pid = guard.pid();
        let panicked = catch_unwind(AssertUnwindSafe(move || {
            let _guard = guard;
            panic!("on purpose");
        }));
        assert!(panicked.is_err());
        assert!(!exists(pid));
    }

    #[test]
    fn a_stopped_process_is_ended_too() {
        let mut guard = sleeper();
        let pid = guard.pid();
        guard.signal(Signal::STOP).unwrap();
        eventually(Duration::from_secs(2), || Ok(state(pid) == Some('T'))).unwrap();
        guard.signal(Signal::CONT).unwrap();
        eventually(Duration::from_secs(2), || Ok(state(pid) == Some('S'))).unwrap();
        guard.signal(Signal::STOP).unwrap();
        drop(guard);
        assert!(!exists(pid));
    }

    #[test]
    fn signals_and_waits() {
        let mut guard = sleeper();
        assert!(guard.ended().unwrap().is_none());
        assert!(guard.wait(Duration::from_millis(10)).is_err());
        guard.signal(Signal::TERM).unwrap();
        let status = guard.wait(Duration::from_secs(5)).unwrap();
        assert_eq!(status.signal(), Some(Signal::TERM.as_raw()));
        assert!(guard.signal(Signal::TERM).is_err(), "it has ended");
    }
}
