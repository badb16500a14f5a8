//! The virtual machine that tests run in too.

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
