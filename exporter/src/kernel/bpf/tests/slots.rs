//! Slots over real maps: who has one, what a new owner finds in it, and who waits.

use std::collections::BTreeSet;
use std::sync::Arc;

use libbpf_rs::libbpf_sys::bpf_map_create_opts;
use libbpf_rs::{MapCore, MapFlags, MapHandle, MapType};

use super::may_use_bpf;
use crate::kernel::bpf::Table;
use crate::kernel::bpf::slots::{FULL, NetnsKey, SLOTS, Slots};

/// All slots but those of nobody.
const ROOM: usize = SLOTS as usize - 2;
const WORDS: u32 = 3;
const MANY: u64 = 5000;

/// By cookies, each with an inode of its own.
fn namespaces(cookies: impl IntoIterator<Item = u64>) -> Vec<Option<NetnsKey>> {
    let inode = |cookie: u64| 0xF000_0000 + u32::try_from(cookie).expect("a small number");
    cookies
        .into_iter()
        .map(|cookie| {
            let inode = inode(cookie);
            Some(NetnsKey::Cookie { cookie, inode })
        })
        .collect()
}

/// A table with that many rows a slot, and its map to count in.
fn table(slots: &Slots, stripes: u32) -> (Arc<Table>, MapHandle) {
    let options = bpf_map_create_opts {
        sz: size_of::<bpf_map_create_opts>() as _,
        ..bpf_map_create_opts::default()
    };
    let rows = SLOTS * stripes;
    let map = MapHandle::create(MapType::Array, Some("counts"), 4, WORDS * 8, rows, &options).expect("a map");
    let same = MapHandle::try_from(&map).expect("the same map");
    let table = Arc::new(Table::new(map, stripes));
    slots.register(&table);
    (table, same)
}

/// Counts `number` in every word of every row of a slot.
fn count(map: &MapHandle, stripes: u32, slot: u32, number: u64) {
    let row = vec![number; WORDS as usize];
    let row: Vec<u8> = row.into_iter().flat_map(u64::to_ne_bytes).collect();
    for stripe in 0..stripes {
        let key = (slot * stripes + stripe).to_ne_bytes();
        map.update(&key, &row, MapFlags::ANY).expect("a row");
    }
}

/// What the programs find under a cookie: the slot and the inode.
fn entry(slots: &Slots, cookie: u64) -> Option<(u32, u32)> {
    let value = slots
        .map()
        .lookup(&cookie.to_ne_bytes(), MapFlags::ANY)
        .expect("readable")?;
    let word = |at: usize| u32::from_ne_bytes(value[at..at + 4].try_into().expect("4 bytes"));
    Some((word(0), word(4)))
}

#[test]
fn each_namespace_has_a_slot_of_its_own_and_keeps_it() {
    if !may_use_bpf() {
        return;
    }
    let slots = Slots::new().expect("slots");
    let mut everybody = namespaces(1..=20);
    everybody.insert(3, None);
    let given = slots.settle(&everybody).expect("settled");
    assert_eq!(given[3], None, "whose cookie is unknown");
    let different: BTreeSet<u32> = given.iter().flatten().copied().collect();
    assert!(different.len() == 20 && different.iter().all(|slot| (FULL + 1..SLOTS).contains(slot)));
    for (netns, slot) in everybody.iter().zip(&given) {
        let Some(NetnsKey::Cookie { cookie, inode }) = netns else {
            continue;
        };
        assert_eq!(entry(&slots, *cookie), slot.map(|slot| (slot, *inode)));
    }
    assert_eq!(slots.settle(&everybody).expect("settled"), given);
}

#[test]
fn a_slot_is_zeroed_in_every_table_before_it_has_a_new_owner() {
    if !may_use_bpf() {
        return;
    }
    let slots = Slots::new().expect("slots");
    let tables = [1, 4].map(|stripes| (stripes, table(&slots, stripes)));
    let given = slots.settle(&namespaces([1, 2])).expect("settled");
    let [Some(gone), Some(stays)] = given[..] else {
        panic!("both have a slot: {given:?}");
    };
    for (stripes, (_, map)) in &tables {
        for slot in [gone, stays] {
            count(map, *stripes, slot, 7);
        }
    }
    // The one that was freed last is given first.
    let given = slots.settle(&namespaces([2, 3])).expect("settled");
    assert_eq!(given, [Some(stays), Some(gone)]);
    assert_eq!(entry(&slots, 1), None);
    for (stripes, (table, _)) in &tables {
        let words = WORDS as usize;
        assert_eq!(table.read(gone).expect("readable"), vec![0; words]);
        let kept = vec![7 * u64::from(*stripes); words];
        assert_eq!(table.read(stays).expect("readable"), kept);
    }
}

#[test]
fn who_finds_no_slot_has_no_numbers_and_gets_one_when_one_is_free() {
    if !may_use_bpf() {
        return;
    }
    let slots = Slots::new().expect("slots");
    let (table, map) = table(&slots, 2);
    let (all, more) = (ROOM as u64, 5);
    let given = slots.settle(&namespaces(1..=all + more)).expect("settled");
    assert!(given[..ROOM].iter().all(Option::is_some) && given[ROOM..].iter().all(Option::is_none));
    for cookie in all + 1..=all + more {
        assert_eq!(
            entry(&slots, cookie).map(|(slot, _)| slot),
            Some(FULL),
            "{cookie}"
        );
    }
    count(&map, 2, FULL, 10);
    assert_eq!(table.without_slot().expect("readable"), 10 * 2 * u64::from(WORDS));

    // Two of the first go: two of those that wait take their place, and everybody else stays.
    let later = slots.settle(&namespaces(3..=all + more)).expect("settled");
    assert_eq!(later[..ROOM - 2], given[2..ROOM]);
    let new: BTreeSet<_> = later[ROOM - 2..ROOM].iter().collect();
    assert_eq!(new, given[..2].iter().collect());
    assert!(later[ROOM..].iter().all(Option::is_none));
    let first = entry(&slots, all + 1).map(|(slot, _)| slot);
    assert_eq!(first, later[ROOM - 2], "the programs know it");
    let waits = entry(&slots, all + 3).map(|(slot, _)| slot);
    assert_eq!(waits, Some(FULL));
    let counted = table.without_slot().expect("readable");
    assert_eq!(counted, 10 * 2 * u64::from(WORDS), "what was missing stays so");

    // Those who wait go too, and leave no entry.
    let left = slots.settle(&namespaces([])).expect("settled");
    assert!(left.is_empty());
    assert!((1..=all + more).all(|cookie| entry(&slots, cookie).is_none()));
}

#[test]
fn any_number_of_namespaces_can_be_settled_and_go() {
    if !may_use_bpf() {
        return;
    }
    let slots = Slots::new().expect("slots");
    for round in 0..2 {
        let first = round * MANY;
        let given = slots.settle(&namespaces(first..first + MANY)).expect("settled");
        assert_eq!(given.iter().flatten().collect::<BTreeSet<_>>().len(), ROOM);
        assert!(
            given[..ROOM].iter().all(Option::is_some),
            "the first ones have one"
        );
    }
}

/// Another namespace may have the inode of one that is gone, and is told by the age of its processes.
#[test]
fn an_inode_that_is_used_again_is_another_namespace() {
    if !may_use_bpf() {
        return;
    }
    let slots = Slots::new().expect("slots");
    let (table, map) = table(&slots, 1);
    let inode = 0xF000_0001;
    let settle = |since: u64| {
        let given = slots
            .settle(&[Some(NetnsKey::Inode { inode, since })])
            .expect("settled");
        given[0].expect("a slot")
    };
    let first = settle(7);
    count(&map, 1, first, 3);
    assert_eq!(settle(7), first);
    assert_eq!(table.read(first).expect("readable"), [3; WORDS as usize]);
    let second = settle(8);
    assert_eq!(table.read(second).expect("readable"), [0; WORDS as usize]);
    assert_eq!(entry(&slots, 1 << 63 | u64::from(inode)), Some((second, inode)));
}

/// Over the end of a batch, and over that of the map.
#[test]
fn all_slots_read_at_once_are_what_each_of_them_is() {
    if !may_use_bpf() {
        return;
    }
    let slots = Slots::new().expect("slots");
    for stripes in [1, 8] {
        let (table, map) = table(&slots, stripes);
        for slot in 0..SLOTS {
            count(&map, stripes, slot, u64::from(slot) * 1000 + 1);
        }
        for end in [0, 1, 2, 33, SLOTS] {
            let counts = table.read_until(end).expect("readable");
            for slot in 0..end {
                assert_eq!(
                    counts.of(slot),
                    table.read(slot).expect("readable"),
                    "{slot} of {end}"
                );
            }
            assert!(counts.of(end).is_empty());
        }
    }
}
