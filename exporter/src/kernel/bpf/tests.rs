//! What the programs need of the kernel.

use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use libbpf_rs::{MapType, OpenObject};

use super::skeletons::files::FilesSkelBuilder;
use super::skeletons::storage;
use super::skeletons::tasks::TasksSkelBuilder;

const CPUS: u32 = 128;
/// The budget for the maps of all programs.
const MOST: u64 = 32 << 20;
/// The passes are to leave room for the probes that keep numbers in maps.
const MOST_OF_PASSES: u64 = 2 << 20;
/// What the kernel keeps beside key and value: `struct htab_elem` and a share of the buckets.
const HASH_ENTRY: u64 = 64;

/// Kernel memory of the maps, in bytes.
fn memory(object: &OpenObject) -> u64 {
    let of_map = |map: libbpf_rs::OpenMap<'_>| {
        let value = u64::from(map.value_size()).next_multiple_of(8);
        let key = u64::from(map.key_size()).next_multiple_of(8);
        let entries = u64::from(map.max_entries());
        let bytes = match map.map_type() {
            MapType::Array => entries * value,
            MapType::PercpuArray => entries * value * u64::from(CPUS),
            MapType::Hash => entries * (HASH_ENTRY + key + value),
            other => panic!("how much memory does a map of type {other:?} take?"),
        };
        println!("{:?}: {bytes}", map.name());
        bytes
    };
    object.maps().map(of_map).sum()
}

#[test]
fn the_maps_of_the_passes_are_small_with_128_cpus_and_any_number_of_pods() {
    let mut tasks = TasksSkelBuilder::default().open(storage()).expect("tasks");
    tasks.maps.cpu_offsets.set_max_entries(CPUS).expect("a size");
    let mut files = FilesSkelBuilder::default().open(storage()).expect("files");
    let [small, large] = [super::file_pass::SLOTS, super::file_pass::MOST_SLOTS].map(|slots| {
        files.maps.counted.set_max_entries(slots).expect("a size");
        memory(tasks.open_object()) + memory(files.open_object())
    });
    assert!(small <= MOST_OF_PASSES, "{small}");
    // Only where a million sockets are shared by processes.
    assert!(large <= MOST + MOST_OF_PASSES, "{large}");
}
