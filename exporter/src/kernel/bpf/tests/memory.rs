//! What the programs need of the kernel.

use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use libbpf_rs::{MapType, OpenObject};

use crate::kernel::bpf::file_pass;
use crate::kernel::bpf::skeletons::files::FilesSkelBuilder;
use crate::kernel::bpf::skeletons::kernellatency::KernellatencySkelBuilder;
use crate::kernel::bpf::skeletons::netiftxlat::NetiftxlatSkelBuilder;
use crate::kernel::bpf::skeletons::packetloss::PacketlossSkelBuilder;
use crate::kernel::bpf::skeletons::socketlatency::SocketlatencySkelBuilder;
use crate::kernel::bpf::skeletons::softirq::SoftirqSkelBuilder;
use crate::kernel::bpf::skeletons::storage;
use crate::kernel::bpf::skeletons::tasks::TasksSkelBuilder;
use crate::kernel::bpf::skeletons::tcpreset::TcpresetSkelBuilder;
use crate::kernel::bpf::skeletons::tcpretrans::TcpretransSkelBuilder;
use crate::kernel::bpf::skeletons::virtcmdlatency::VirtcmdlatencySkelBuilder;
use crate::kernel::bpf::slots::SLOTS;
use crate::kernel::bpf::table::stripes;

const CPUS: u32 = 128;
/// The budget for the maps of all programs.
const MOST: u64 = 32 << 20;
/// The passes are to leave room for the probes that keep numbers in maps.
const MOST_OF_PASSES: u64 = 2 << 20;
/// What the kernel keeps beside key and value: `struct htab_elem` and a share of the buckets.
const HASH_ENTRY: u64 = 64;

/// The map that all probes share.
const SHARED: &str = "known_netns";

/// Kernel memory of the maps, in bytes; what all share is left out.
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
    let own = object.maps().filter(|map| map.name() != SHARED);
    own.map(of_map).sum()
}

#[test]
fn the_maps_of_the_passes_are_small_with_128_cpus_and_any_number_of_pods() {
    let mut tasks = TasksSkelBuilder::default().open(storage()).expect("tasks");
    tasks.maps.cpu_offsets.set_max_entries(CPUS).expect("a size");
    let mut files = FilesSkelBuilder::default().open(storage()).expect("files");
    let [small, large] = [file_pass::SLOTS, file_pass::MOST_SLOTS].map(|slots| {
        files.maps.counted.set_max_entries(slots).expect("a size");
        memory(tasks.open_object()) + memory(files.open_object())
    });
    assert!(small <= MOST_OF_PASSES, "{small}");
    // Only where a million sockets are shared by processes.
    assert!(large <= MOST + MOST_OF_PASSES, "{large}");
}

/// Of a probe whose `tables` have several rows a slot.
fn memory_of_probe<B>(builder: B, tables: &[&str]) -> u64
where
    B: SkelBuilder<'static>,
    B::Output: OpenSkel<'static>,
{
    let mut open = builder.open(storage()).expect("opens");
    for mut map in open.open_object_mut().maps_mut() {
        if tables.iter().any(|table| map.name() == *table) {
            assert_eq!(map.max_entries(), SLOTS, "{:?}", map.name());
            map.set_max_entries(SLOTS * stripes(CPUS)).expect("a size");
        }
    }
    memory(open.open_object())
}

#[test]
fn the_maps_of_all_probes_are_within_the_budget_with_128_cpus() {
    let shared = u64::from(2 * SLOTS) * (HASH_ENTRY + 8 + 8);
    let probes = [
        memory_of_probe(PacketlossSkelBuilder::default(), &["drops"]),
        memory_of_probe(TcpresetSkelBuilder::default(), &[]),
        memory_of_probe(TcpretransSkelBuilder::default(), &[]),
        memory_of_probe(SoftirqSkelBuilder::default(), &[]),
        memory_of_probe(VirtcmdlatencySkelBuilder::default(), &[]),
        memory_of_probe(NetiftxlatSkelBuilder::default(), &["latencies"]),
        memory_of_probe(SocketlatencySkelBuilder::default(), &["latencies"]),
        memory_of_probe(KernellatencySkelBuilder::default(), &["latencies"]),
    ];
    let all = shared + probes.iter().sum::<u64>();
    println!("{probes:?}, {shared} shared, {all} together");
    assert!(all + MOST_OF_PASSES <= MOST, "{all}");
}
