//! Whether one pass can be used just now.

use std::time::{Duration, Instant};

use crate::kernel::bpf::BpfError;

/// How often a pass is compared with the files, and tried again if it failed.
const CHECK_EVERY: Duration = Duration::from_mins(5);

/// A pass that is loaded when it is first wanted, or why it is not used.
#[derive(Debug)]
pub struct PassState<P> {
    what: &'static str,
    pass: Option<P>,
    state: Result<(), BpfError>,
    checked: Option<Instant>,
}

impl<P> PassState<P> {
    /// Not loaded. `what` says in the log what it does.
    pub fn new(what: &'static str) -> Self {
        Self {
            what,
            pass: None,
            state: Err(BpfError::Off),
            checked: None,
        }
    }

    /// Whether it is time to compare it. Whoever asks is to do so.
    pub fn is_due(&mut self) -> bool {
        let is_due = self
            .checked
            .is_none_or(|checked| checked.elapsed() >= CHECK_EVERY);
        if is_due {
            self.checked = Some(Instant::now());
        }
        is_due
    }

    /// Makes it time.
    pub fn check_soon(&mut self) {
        self.checked = None;
    }

    /// The pass, and whether it was loaded only now.
    ///
    /// # Errors
    /// It cannot be loaded.
    pub fn load(&mut self, load: impl FnOnce() -> Result<P, BpfError>) -> Result<(&mut P, bool), BpfError> {
        match &mut self.pass {
            Some(pass) => Ok((pass, false)),
            none => Ok((none.insert(load()?), true)),
        }
    }

    /// The pass if it is loaded, trusted or not.
    pub fn loaded(&mut self) -> Option<&mut P> {
        self.pass.as_mut()
    }

    /// The pass if it can be used.
    pub fn usable(&mut self) -> Option<&mut P> {
        self.state.is_ok().then_some(self.pass.as_mut()).flatten()
    }

    /// Why it is not used.
    pub fn error(&self) -> Option<&BpfError> {
        self.state.as_ref().err()
    }

    /// Notes whether it can be used, and says so if that is new.
    pub fn change(&mut self, state: Result<(), BpfError>) {
        if self.state == state {
            return;
        }
        let what = self.what;
        match &state {
            Ok(()) => tracing::info!("{what} by a BPF pass"),
            Err(error) => tracing::warn!("{what} otherwise than by a BPF pass, which costs more: {error}"),
        }
        self.state = state;
    }
}
