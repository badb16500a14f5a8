//! The virtual machine that tests run in too.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::lab::command::output;

/// Whether this is that machine, which belongs to the tests alone and is gone after them: its settings
/// may be changed. `tests/vm/guest.sh` says so by `$KSK_VM`.
pub fn is_guest() -> bool {
    std::env::var_os("KSK_VM").is_some()
}

/// How often a test may do something again whose events a kernel may keep from BPF programs.
///
/// Some hosts hide their own first process from the BPF programs of a machine that they lend out: an
/// event is missed if a timer or an interrupt fires it while that process runs. What a test does is
/// then done again. In the guest nothing is missed, and done once.
pub fn attempts() -> u32 {
    if is_guest() { 1 } else { 5 }
}

/// The right to do to that machine what a test must not do to anybody's.
#[derive(Debug, Clone, Copy)]
pub struct Guest(());

impl Guest {
    /// The machine; none where the test is on another one.
    pub fn here() -> Option<Self> {
        is_guest().then_some(Self(()))
    }

    /// The same, and a line that says so where the test is on another one.
    pub fn or_skip(what: &str) -> Option<Self> {
        let guest = Self::here();
        if guest.is_none() {
            println!(
                "SKIP: {what} only in the virtual machine, where nobody needs the network: make test-vm"
            );
        }
        guest
    }

    /// Loads a module with all that it needs.
    pub fn load_module(self, name: &str) -> Result<()> {
        output(Command::new("modprobe").arg(name)).map(drop)
    }

    /// Unloads a module. One that is not loaded is no error.
    pub fn unload_module(self, name: &str) -> Result<()> {
        if Path::new("/sys/module").join(name).exists() {
            output(Command::new("modprobe").args(["-r", name]))?;
        }
        Ok(())
    }
}
