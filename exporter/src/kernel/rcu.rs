//! Waiting until the kernel has forgotten.

/// `MEMBARRIER_CMD_GLOBAL` of `linux/membarrier.h`, which is `synchronize_rcu()`.
const MEMBARRIER_CMD_GLOBAL: libc::c_int = 1;
/// BPF programs on tracepoints run for microseconds.
const LONGEST_READER: std::time::Duration = std::time::Duration::from_millis(50);

/// Returns when every BPF program that was running has ended: they run inside an RCU read-side
/// section. The kernel refuses to wait where some CPU runs without ticks (`nohz_full`); there the
/// longest that a program can take is waited for.
pub fn wait_for_readers() {
    if !membarrier() {
        std::thread::sleep(LONGEST_READER);
    }
}

#[allow(unsafe_code)]
fn membarrier() -> bool {
    // SAFETY: the call takes numbers only.
    unsafe { libc::syscall(libc::SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0 }
}
