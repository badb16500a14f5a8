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

pub mod tasks {
    include!(concat!(env!("OUT_DIR"), "/tasks.skel.rs"));
}

pub mod files {
    include!(concat!(env!("OUT_DIR"), "/files.skel.rs"));
}
