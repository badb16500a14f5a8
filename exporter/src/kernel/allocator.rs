//! The C library's allocator, told to give back to the kernel what is no longer used.

/// Buffers from this size on come from the kernel and go back to it.
#[cfg(target_env = "gnu")]
const LARGE: libc::c_int = 128 * 1024;

/// Without this glibc learns from each large buffer that is freed to keep the next one, in as many
/// arenas as there are threads: what the largest collection took would be kept for good
/// (`M_MMAP_THRESHOLD` in mallopt(3)).
#[cfg(target_env = "gnu")]
pub fn give_back_large_buffers() {
    for (parameter, value) in [
        (libc::M_MMAP_THRESHOLD, LARGE),
        (libc::M_TRIM_THRESHOLD, LARGE),
        (libc::M_ARENA_MAX, 1),
    ] {
        set(parameter, value);
    }
}

/// Other C libraries give them back by themselves.
#[cfg(not(target_env = "gnu"))]
pub fn give_back_large_buffers() {}

#[cfg(target_env = "gnu")]
#[allow(unsafe_code)]
fn set(parameter: libc::c_int, value: libc::c_int) {
    // SAFETY: it takes two numbers, whatever they are, and locks the allocator itself.
    unsafe { libc::mallopt(parameter, value) };
}
