//! The programs and their maps, in the running kernel where that takes one.

mod histogram;
mod memory;
mod slots;
mod underway;

use libbpf_rs::{ProgramInput, ProgramMut};

use super::capability::missing_for_bpf;

/// Whether this process may use BPF; says what is missing if not.
fn may_use_bpf() -> bool {
    let missing = missing_for_bpf();
    if !missing.is_empty() {
        eprintln!("skipped: it takes {}", missing.join(" and "));
    }
    missing.is_empty()
}

/// Runs a program of a raw tracepoint with these arguments.
fn run(program: &ProgramMut<'_>, arguments: &[u64]) {
    let mut arguments: Vec<u8> = arguments.iter().flat_map(|it| it.to_ne_bytes()).collect();
    let input = ProgramInput {
        context_in: Some(&mut arguments),
        ..ProgramInput::default()
    };
    program.test_run(input).expect("runs");
}
