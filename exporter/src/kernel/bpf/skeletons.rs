//! The generated skeletons.

#![allow(
    clippy::all,
    clippy::pedantic,
    clippy::nursery,
    missing_docs,
    unsafe_code,
    unused,
    non_camel_case_types,
    non_snake_case
)]
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    rust_2018_idioms,
    missing_debug_implementations
)]

use std::mem::MaybeUninit;

use libbpf_rs::OpenObject;

/// Where a skeleton keeps its object. It is a few hundred bytes that are never given back, so that a
/// skeleton can be held without a lifetime; each object is loaded a handful of times at most.
pub fn storage() -> &'static mut MaybeUninit<OpenObject> {
    Box::leak(Box::new(MaybeUninit::uninit()))
}

// One module for each `bpf/*.bpf.c`, called like it.
include!(concat!(env!("OUT_DIR"), "/skeletons.rs"));

/// One for each `bpf/tests/*.bpf.c`.
#[cfg(test)]
pub mod tests {
    include!(concat!(env!("OUT_DIR"), "/test_skeletons.rs"));
}
