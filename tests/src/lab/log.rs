//! What a process writes to stderr, kept while it runs.

use std::io::Read;
use std::process::ChildStderr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::lab::wait::patience;

/// The text read so far; a thread of its own reads on until the end.
#[derive(Clone, Debug)]
pub struct Log {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    ended: bool,
}

impl State {
    fn text_from(&self, position: usize) -> String {
        String::from_utf8_lossy(self.bytes.get(position..).unwrap_or_default()).into_owned()
    }
}

impl Log {
    /// Starts to read `stderr`.
    pub fn follow(mut stderr: ChildStderr) -> Result<Self> {
        let log = Self {
            shared: Arc::default(),
        };
        let shared = Arc::clone(&log.shared);
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(length @ 1..) = stderr.read(&mut buffer) {
                    shared.lock().bytes.extend_from_slice(&buffer[..length]);
                    shared.changed.notify_all();
                }
                shared.lock().ended = true;
                shared.changed.notify_all();
            })
            .context("cannot start a thread")?;
        Ok(log)
    }

    /// Everything so far.
    pub fn text(&self) -> String {
        self.shared.lock().text_from(0)
    }

    /// How much there is so far, for [`Log::wait_for_after`].
    pub fn position(&self) -> usize {
        self.shared.lock().bytes.len()
    }

    /// Waits until `substring` has been written, now or before.
    pub fn wait_for(&self, substring: &str, timeout: Duration) -> Result<()> {
        self.wait_for_after(0, substring, timeout)
    }

    /// Waits until `substring` has been written after `position`.
    pub fn wait_for_after(&self, position: usize, substring: &str, timeout: Duration) -> Result<()> {
        let state = self.wait(timeout, |state| {
            state.ended || state.text_from(position).contains(substring)
        });
        if state.text_from(position).contains(substring) {
            return Ok(());
        }
        let text = state.text_from(0);
        if state.ended {
            bail!("the log ended without {substring:?}:\n{text}");
        }
        bail!("{substring:?} is not in the log after {timeout:?}:\n{text}")
    }

    /// Waits until everything has been read, which is soon after the process has ended.
    pub fn wait_for_end(&self, timeout: Duration) {
        drop(self.wait(timeout, |state| state.ended));
    }

    fn wait(&self, timeout: Duration, done: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let deadline = Instant::now() + patience(timeout);
        let mut state = self.shared.lock();
        while !done(&state) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let woken = self.shared.changed.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        state
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::process::{Command, Stdio};

    use super::*;
    use crate::lab::process::Guard;

    const SOON: Duration = Duration::from_secs(5);

    fn log_of(script: &str) -> (Guard, Log) {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stderr(Stdio::piped());
        let mut guard = Guard::spawn(&mut command).unwrap();
        let log = Log::follow(guard.child().stderr.take().unwrap()).unwrap();
        (guard, log)
    }

    #[test]
    fn waits_for_a_line_to_come() {
        let (_guard, log) = log_of("echo one >&2; sleep 0.1; echo two >&2; exec sleep 60");
        log.wait_for("two", SOON).unwrap();
        assert_eq!(log.text(), "one\ntwo\n");
        log.wait_for("one", SOON).unwrap();
        assert!(log.wait_for_after(4, "one", Duration::from_millis(20)).is_err());
        log.wait_for_after(4, "two", SOON).unwrap();
        assert_eq!(log.position(), 8);
    }

    #[test]
    fn the_end_ends_the_wait() {
        let (_guard, log) = log_of("echo bye >&2");
        let started = Instant::now();
        let error = log
            .wait_for("hello", Duration::from_mins(1))
            .unwrap_err()
            .to_string();
        assert!(error.contains("ended") && error.contains("bye"), "{error}");
        assert!(started.elapsed() < Duration::from_secs(30));
    }
}
