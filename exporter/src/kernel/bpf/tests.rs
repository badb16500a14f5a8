//! The programs and their maps, in the running kernel where that takes one.

mod histogram;
mod memory;
mod slots;

use super::capability::missing_for_bpf;

/// Whether this process may use BPF; says what is missing if not.
fn may_use_bpf() -> bool {
    let missing = missing_for_bpf();
    if !missing.is_empty() {
        eprintln!("skipped: it takes {}", missing.join(" and "));
    }
    missing.is_empty()
}
