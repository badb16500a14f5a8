//! `bpf/include/underway.h` as the kernel runs it, with room for four.

use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use libbpf_rs::{Map, MapCore, MapFlags};

use super::{may_use_bpf, run};
use crate::kernel::bpf::skeletons::storage;
use crate::kernel::bpf::skeletons::tests::underway::{UnderwaySkel, UnderwaySkelBuilder};

const SECOND: u64 = 1_000_000_000;
/// Nothing that is measured takes this long.
const LEFT_OVER: u64 = 20 * SECOND;

struct Underway(UnderwaySkel<'static>);

impl Underway {
    fn new() -> Self {
        let open = UnderwaySkelBuilder::default().open(storage()).expect("opens");
        Self(open.load().expect("loads"))
    }

    fn begin(&self, key: u64, mark: u64, now: u64) {
        run(&self.0.progs.begin_thing, &[key, mark, now]);
    }

    /// When it began; 0 if that is not known.
    fn end(&self, key: u64, mark: u64) -> u64 {
        run(&self.0.progs.end_thing, &[key, mark]);
        number(&self.0.maps.since)
    }

    fn unmeasured(&self) -> u64 {
        number(&self.0.maps.unmeasured)
    }
}

fn number(map: &Map<'_>) -> u64 {
    let value = map.lookup(&0_u32.to_ne_bytes(), MapFlags::ANY);
    let value = value.expect("readable").expect("a number");
    u64::from_ne_bytes(value.try_into().expect("8 bytes"))
}

#[test]
fn what_began_ends_once_and_only_with_its_own_mark() {
    if !may_use_bpf() {
        return;
    }
    let underway = Underway::new();
    underway.begin(7, 70, 100);
    assert_eq!(
        (underway.end(8, 70), underway.end(7, 70), underway.end(7, 70)),
        (0, 100, 0)
    );
    underway.begin(7, 70, 200);
    assert_eq!(
        (underway.end(7, 71), underway.end(7, 70)),
        (0, 0),
        "another took its address"
    );
    underway.begin(7, 70, 300);
    underway.begin(7, 71, 400);
    assert_eq!(underway.end(7, 71), 400, "the later one counts");
    assert_eq!(underway.unmeasured(), 0);
}

#[test]
fn what_finds_no_place_is_counted_and_evicts_nobody() {
    if !may_use_bpf() {
        return;
    }
    let underway = Underway::new();
    for key in 1..=6 {
        underway.begin(key, 0, 100 + key);
    }
    assert_eq!(underway.unmeasured(), 2);
    let since: Vec<u64> = (1..=6).map(|key| underway.end(key, 0)).collect();
    assert_eq!(since, [101, 102, 103, 104, 0, 0]);
    underway.begin(9, 0, 500);
    assert_eq!((underway.end(9, 0), underway.unmeasured()), (500, 2));
}

#[test]
fn what_never_ended_gives_its_place_up_after_the_longest_time() {
    if !may_use_bpf() {
        return;
    }
    let underway = Underway::new();
    for key in 1..=4 {
        underway.begin(key, 0, SECOND);
    }
    underway.begin(5, 0, SECOND + LEFT_OVER);
    assert_eq!(underway.unmeasured(), 1, "it may still end");
    underway.begin(6, 0, SECOND + LEFT_OVER + 1);
    assert_eq!(
        (underway.end(6, 0), underway.unmeasured()),
        (SECOND + LEFT_OVER + 1, 1)
    );
}
