//! Times by size, as fine as it takes for both kinds of Prometheus's histograms.
//!
//! Classic buckets end at 1, 2 and 5 per decade from 1 us to 10 s; those of a native histogram of
//! schema 0 at powers of two of a second. A cell lies between two neighbours of either kind, so that
//! both are exact sums of cells.

/// Upper edges of the cells in nanoseconds, each within its cell; the last cell has none.
pub const EDGES: [u64; CELLS - 1] = edges();
/// Cells of a histogram.
pub const CELLS: usize = CLASSIC.len() + POWERS - SHARED + 1;

/// Classic edges: nanoseconds, and the value of the label `le` in seconds, spelt as Prometheus's
/// own clients do.
pub const CLASSIC: [(u64, &str); 22] = [
    (1_000, "1e-06"),
    (2_000, "2e-06"),
    (5_000, "5e-06"),
    (10_000, "1e-05"),
    (20_000, "2e-05"),
    (50_000, "5e-05"),
    (100_000, "0.0001"),
    (200_000, "0.0002"),
    (500_000, "0.0005"),
    (1_000_000, "0.001"),
    (2_000_000, "0.002"),
    (5_000_000, "0.005"),
    (10_000_000, "0.01"),
    (20_000_000, "0.02"),
    (50_000_000, "0.05"),
    (100_000_000, "0.1"),
    (200_000_000, "0.2"),
    (500_000_000, "0.5"),
    (SECOND, "1"),
    (2 * SECOND, "2"),
    (5 * SECOND, "5"),
    (10 * SECOND, "10"),
];

const SECOND: u64 = 1_000_000_000;
/// Native buckets end at 2^-20 s to 2^4 s.
const LOWEST_POWER: i32 = -20;
const POWERS: usize = 25;
/// The number after theirs: the bucket that holds all that is longer.
const LAST_POWER: i32 = 5;
/// 0.5 s, 1 s and 2 s are edges of both kinds.
const SHARED: usize = 3;

/// Classic buckets from here on are exported of a pod, unless all are asked for: 100 us.
pub const FIRST_OF_POD: usize = 6;

/// What is at most this long, in seconds, is one bucket of a native histogram: 2^-20.
pub const ZERO_THRESHOLD: f64 = 1.0 / (1 << 20) as f64;

/// The native bucket `index` ends at 2^index seconds.
const fn power(index: i32) -> u64 {
    if index < 0 {
        SECOND >> -index
    } else {
        SECOND << index
    }
}

const fn edges() -> [u64; CELLS - 1] {
    let mut edges = [0; CELLS - 1];
    let (mut at, mut classic, mut native) = (0, 0, LOWEST_POWER);
    while at < edges.len() {
        let next_classic = if classic < CLASSIC.len() {
            CLASSIC[classic].0
        } else {
            u64::MAX
        };
        let next_native = power(native);
        edges[at] = if next_classic < next_native {
            next_classic
        } else {
            next_native
        };
        if next_classic == edges[at] {
            classic += 1;
        }
        if next_native == edges[at] {
            native += 1;
        }
        at += 1;
    }
    edges
}

/// How many times fell into each cell, and how much they are together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram {
    /// Times by cell.
    pub cells: [u64; CELLS],
    /// All of them together, in nanoseconds.
    pub sum: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            cells: [0; CELLS],
            sum: 0,
        }
    }
}

impl Histogram {
    /// How many times there are.
    pub fn count(&self) -> u64 {
        self.cells.iter().sum()
    }

    /// How many of them are longer than a classic edge, in nanoseconds.
    pub fn over(&self, edge: u64) -> u64 {
        let longer = self.cells.iter().enumerate().rev();
        longer
            .take_while(|(cell, _)| *cell > 0 && EDGES[cell - 1] >= edge)
            .map(|(_, count)| count)
            .sum()
    }

    /// Adds another one.
    pub fn add(&mut self, other: &Self) {
        for (cell, more) in self.cells.iter_mut().zip(&other.cells) {
            *cell = cell.wrapping_add(*more);
        }
        self.sum = self.sum.wrapping_add(other.sum);
    }

    /// The sum in seconds.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a sum of times needs no more than 53 bits of precision"
    )]
    pub fn sum_in_seconds(&self) -> f64 {
        self.sum as f64 / SECOND as f64
    }

    /// Classic buckets from number `first` on: the label `le`, and how many times are at most as
    /// long. That of `+Inf` is [`Histogram::count`].
    pub fn classic(&self, first: usize) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let (mut cell, mut cumulative) = (0, 0);
        CLASSIC
            .iter()
            .enumerate()
            .filter_map(move |(number, (edge, le))| {
                while cell < EDGES.len() && EDGES[cell] <= *edge {
                    cumulative += self.cells[cell];
                    cell += 1;
                }
                (number >= first).then_some((*le, cumulative))
            })
    }

    /// Times of at most [`ZERO_THRESHOLD`].
    pub fn zeros(&self) -> u64 {
        self.cells[0]
    }

    /// Native buckets of schema 0 that are not empty: the number, and how many times. The number of
    /// the last one is that of what is longer than 16 s.
    pub fn native(&self) -> impl Iterator<Item = (i32, u64)> + '_ {
        let mut cell = 1;
        (LOWEST_POWER + 1..=LAST_POWER).filter_map(move |index| {
            let mut count = 0;
            while cell < CELLS && (cell == EDGES.len() || EDGES[cell] <= power(index)) {
                if cell == EDGES.len() && index < LAST_POWER {
                    break;
                }
                count += self.cells[cell];
                cell += 1;
            }
            (count > 0).then_some((index, count))
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(times: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        for time in times {
            let cell = EDGES.iter().position(|edge| time <= edge).unwrap_or(EDGES.len());
            histogram.cells[cell] += 1;
            histogram.sum += time;
        }
        histogram
    }

    #[test]
    fn edges_rise_and_hold_those_of_both_kinds() {
        assert!(EDGES.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(CLASSIC.iter().all(|(edge, _)| EDGES.contains(edge)));
        assert_eq!((LOWEST_POWER..LAST_POWER).count(), POWERS);
        assert!((LOWEST_POWER..LAST_POWER).all(|index| EDGES.contains(&power(index))));
        assert_eq!((EDGES[0], EDGES[EDGES.len() - 1]), (953, 16 * SECOND));
    }

    #[test]
    fn labels_are_the_edges_in_seconds() {
        for (edge, le) in CLASSIC {
            let seconds: f64 = le.parse().expect("a number");
            assert_eq!((seconds * 1e9).round().to_string(), edge.to_string(), "{le}");
        }
        assert_eq!(CLASSIC[FIRST_OF_POD].0, 100_000);
    }

    proptest! {
        #[test]
        fn every_bucket_holds_what_it_says(
            times in proptest::collection::vec(prop_oneof![0_u64..3000, 0..40 * SECOND], 0..60),
            edges in proptest::collection::vec(0..EDGES.len(), 0..20),
            by in -1_i64..2,
        ) {
            let near = edges.iter().map(|edge| EDGES[*edge].saturating_add_signed(by));
            let times: Vec<u64> = times.iter().copied().chain(near).collect();
            let histogram = of(&times);
            let at_most = |edge: u64| times.iter().filter(|time| **time <= edge).count() as u64;
            prop_assert_eq!(histogram.count(), times.len() as u64);
            let classic: Vec<_> = histogram.classic(0).collect();
            let expected: Vec<_> = CLASSIC.iter().map(|(edge, le)| (*le, at_most(*edge))).collect();
            prop_assert_eq!(&classic, &expected);
            prop_assert_eq!(histogram.classic(FIRST_OF_POD).collect::<Vec<_>>(), &expected[FIRST_OF_POD..]);
            for (edge, _) in CLASSIC {
                prop_assert_eq!(histogram.over(edge), times.len() as u64 - at_most(edge));
            }
            let native: Vec<_> = histogram.native().collect();
            for (index, count) in &native {
                let upper = if *index == LAST_POWER { u64::MAX } else { power(*index) };
                prop_assert_eq!(*count, at_most(upper) - at_most(power(index - 1)));
            }
            let counted: u64 = native.iter().map(|(_, count)| count).sum();
            prop_assert_eq!(counted + histogram.zeros(), times.len() as u64);
        }
    }
}
