//! `bpf/include/histogram.h` as the kernel runs it, against a search along a list of edges.

use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use libbpf_rs::{MapCore, MapFlags};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::{may_use_bpf, run};
use crate::kernel::bpf::skeletons::storage;
use crate::kernel::bpf::skeletons::tests::histogram::{HistogramSkel, HistogramSkelBuilder};
use crate::metrics::histogram::Histogram;
use crate::probes::latency::{PADDED_EDGES, histograms};

const SECOND: u64 = 1_000_000_000;

/// 1, 2 and 5 of each decade from 1 us to 10 s, and 2^-20 s to 2^4 s rounded down to nanoseconds.
fn edges() -> Vec<u64> {
    let decades = (3..=9).flat_map(|power| [1, 2, 5].map(|digit| digit * 10_u64.pow(power)));
    let fractions = (1..=20).map(|power| SECOND >> power);
    let multiples = (0..=4).map(|power| SECOND << power);
    let mut edges: Vec<u64> = decades
        .chain([10 * SECOND])
        .chain(fractions)
        .chain(multiples)
        .collect();
    edges.sort_unstable();
    edges.dedup();
    edges
}

/// Loads the program with the edges of the product.
fn loaded() -> HistogramSkel<'static> {
    let mut open = HistogramSkelBuilder::default().open(storage()).expect("opens");
    open.maps.rodata_data.as_deref_mut().expect("settings").edges = PADDED_EDGES;
    open.load().expect("loads")
}

fn read(skeleton: &HistogramSkel<'_>) -> Histogram {
    let value = skeleton
        .maps
        .histograms
        .lookup(&0_u32.to_ne_bytes(), MapFlags::ANY);
    let value = value.expect("readable").expect("a row");
    let words = value
        .chunks_exact(8)
        .map(|word| u64::from_ne_bytes(word.try_into().expect("8 bytes")));
    let words: Vec<u64> = words.collect();
    histograms(&words).next().expect("a histogram")
}

/// Puts times in one by one, and compares the whole histogram after each, and the classic buckets of
/// each.
fn check(skeleton: &HistogramSkel<'_>, edges: &[u64], times: &[u64]) {
    let mut expected = read(skeleton);
    for ns in times {
        run(&skeleton.progs.put_time, &[0, *ns]);
        let cell = edges.iter().position(|edge| ns <= edge).unwrap_or(edges.len());
        expected.cells[cell] += 1;
        expected.sum = expected.sum.wrapping_add(*ns);
        let now = read(skeleton);
        assert_eq!(now, expected, "after {ns} ns");
    }
}

#[test]
fn every_edge_and_its_neighbours_fall_into_their_cells() {
    if !may_use_bpf() {
        return;
    }
    let (skeleton, edges) = (loaded(), edges());
    let mut times: Vec<u64> = edges
        .iter()
        .flat_map(|edge| [edge - 1, *edge, edge + 1])
        .collect();
    times.extend([0, 1, 17 * SECOND, 86_400 * SECOND, u64::MAX - 1, u64::MAX]);
    check(&skeleton, &edges, &times);
    assert_eq!(read(&skeleton).count(), times.len() as u64);
}

#[test]
fn any_time_falls_into_its_cell_and_the_sum_is_exact() {
    if !may_use_bpf() {
        return;
    }
    let (skeleton, edges) = (loaded(), edges());
    // As many of each length, since most of all numbers are longer than the last edge.
    let time = (any::<u64>(), 0..64_u32).prop_map(|(ns, shift)| ns >> shift);
    let mut runner = TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let times = proptest::collection::vec(time, 0..100);
    let done = runner.run(&times, |times| {
        check(&skeleton, &edges, &times);
        Ok(())
    });
    done.expect("every histogram is as expected");
}

#[test]
fn a_classic_bucket_holds_the_time_that_it_is_named_after() {
    if !may_use_bpf() {
        return;
    }
    for power in 3..=9 {
        let edge = 10_u64.pow(power);
        let skeleton = loaded();
        [edge, edge + 1]
            .into_iter()
            .for_each(|ns| run(&skeleton.progs.put_time, &[0, ns]));
        let histogram = read(&skeleton);
        let bucket = histogram.classic(0).find(|(le, _)| {
            let seconds: f64 = le.parse().expect("a number");
            format!("{:.0}", seconds * 1e9) == edge.to_string()
        });
        assert_eq!(bucket.map(|(_, count)| count), Some(1), "{edge} ns");
        assert_eq!(histogram.over(edge), 1);
    }
}

#[test]
fn a_clock_that_goes_back_counts_as_no_time() {
    if !may_use_bpf() {
        return;
    }
    let skeleton = loaded();
    for (from, to) in [(5, 3), (u64::MAX, 0), (7, 7)] {
        run(&skeleton.progs.put_time, &[from, to]);
    }
    let histogram = read(&skeleton);
    assert_eq!((histogram.cells[0], histogram.count(), histogram.sum), (3, 3, 0));
}
