//! A classic histogram of times as a scrape shows it, read strictly.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::lab::metrics::Metrics;

/// Upper edges in nanoseconds: 1, 2 and 5 per decade from 1 us to 10 s.
const EDGES: [u64; 22] = edges();
/// Where those begin that are exported of a pod unless all are asked for: 100 us.
const FIRST_OF_POD: usize = 6;

const fn edges() -> [u64; 22] {
    let (mut edges, mut decade, mut at) = ([0; 22], 1_000, 0);
    while at < edges.len() {
        edges[at] = decade * [1, 2, 5][at % 3];
        at += 1;
        if at.is_multiple_of(3) {
            decade *= 10;
        }
    }
    edges
}

/// How many times fell under each edge.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// Edges in nanoseconds, and how many times are at most as long.
    cumulative: Vec<(u64, u64)>,
    /// How many times there are.
    pub count: u64,
    /// All times together, in seconds.
    pub sum: f64,
}

impl Histogram {
    /// Reads the one with these labels. It is an error if its edges are others than they are to be,
    /// if a bucket holds less than the one before, or if `+Inf` is not the count.
    pub fn read(metrics: &Metrics, name: &str, labels: &[(&str, &str)]) -> Result<Self> {
        let count = metrics.number(&format!("{name}_count"), labels)?;
        let sum = metrics.value(&format!("{name}_sum"), labels);
        let (mut cumulative, mut infinity) = (Vec::new(), None);
        for bucket in metrics.matching(&format!("{name}_bucket"), labels) {
            let number: u64 = bucket.raw.parse().context("a bucket")?;
            match bucket.label("le").context("a bucket without an edge")? {
                "+Inf" => infinity = Some(number),
                le => cumulative.push((nanoseconds(le)?, number)),
            }
        }
        let histogram = Self {
            cumulative,
            count,
            sum: sum.context("no sum")?,
        };
        histogram
            .check(infinity)
            .with_context(|| format!("{name} {labels:?}: {histogram:?}"))?;
        Ok(histogram)
    }

    fn check(&self, infinity: Option<u64>) -> Result<()> {
        let edges: Vec<u64> = self.cumulative.iter().map(|(edge, _)| *edge).collect();
        ensure!(edges == EDGES || edges == EDGES[FIRST_OF_POD..], "other edges");
        let mut counts = self.cumulative.iter().map(|(_, count)| *count);
        ensure!(
            counts.clone().is_sorted(),
            "a bucket holds less than the one before"
        );
        ensure!(
            counts.next_back() <= Some(self.count),
            "a bucket holds more than all"
        );
        ensure!(infinity == Some(self.count), "+Inf is {infinity:?}");
        ensure!(self.sum >= 0.0 && (self.count > 0 || self.sum <= 0.0), "the sum");
        Ok(())
    }

    /// Whether it has all buckets, from 1 us on.
    pub fn is_full(&self) -> bool {
        self.cumulative.len() == EDGES.len()
    }

    /// Buckets with what they hold beyond the one before, and at the end what lies beyond all.
    pub fn buckets(&self) -> Vec<(Duration, u64)> {
        let ends = self.cumulative.iter().copied().chain([(u64::MAX, self.count)]);
        let mut before = 0;
        ends.map(|(edge, count)| {
            let own = count - before;
            before = count;
            (Duration::from_nanos(edge), own)
        })
        .collect()
    }

    /// What has come since `before`.
    pub fn since(&self, before: &Self) -> Result<Self> {
        let later = |after: u64, before: u64| after.checked_sub(before).context("it has shrunk");
        let edges = self.cumulative.iter().zip(&before.cumulative);
        let cumulative: Result<_> = edges
            .map(|((edge, after), (_, before))| Ok((*edge, later(*after, *before)?)))
            .collect();
        Ok(Self {
            cumulative: cumulative?,
            count: later(self.count, before.count)?,
            sum: self.sum - before.sum,
        })
    }

    /// The mean in seconds.
    pub fn mean(&self) -> Result<f64> {
        ensure!(self.count > 0, "no times have a mean");
        Ok(self.sum / f64::from(u32::try_from(self.count)?))
    }

    /// How many are longer than `edge`, which must be one.
    pub fn over(&self, edge: Duration) -> Result<u64> {
        let found = self
            .cumulative
            .iter()
            .find(|(it, _)| u128::from(*it) == edge.as_nanos());
        let (_, under) = found.with_context(|| format!("{edge:?} is no edge"))?;
        Ok(self.count - under)
    }

    /// An error unless there are `count` times, each longer than `low`, which is an edge, and none in
    /// a bucket above the one that `high` falls into.
    pub fn is(&self, count: u64, low: Duration, high: Duration) -> Result<()> {
        let above = EDGES.iter().find(|edge| u128::from(**edge) >= high.as_nanos());
        let longer = match above {
            Some(edge) => self.over(Duration::from_nanos(*edge))?,
            None => 0,
        };
        ensure!(
            self.count == count && self.over(low)? == count && longer == 0,
            "{count} times of {low:?} to {high:?} are {self:?}"
        );
        Ok(())
    }
}

/// The label `le`, which is in seconds.
fn nanoseconds(le: &str) -> Result<u64> {
    let seconds: f64 = le.parse().with_context(|| format!("{le:?} is no edge"))?;
    let edge = Duration::try_from_secs_f64(seconds)?;
    Ok(edge.as_nanos().try_into()?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn text(edges: &[&str], counts: &[u64], infinity: u64, count: u64) -> String {
        let buckets = edges.iter().zip(counts);
        let buckets = buckets.map(|(le, count)| format!("h_bucket{{le=\"{le}\"}} {count}\n"));
        let head = "# TYPE h histogram\n".to_owned();
        head + &buckets.collect::<String>()
            + &format!("h_bucket{{le=\"+Inf\"}} {infinity}\nh_sum 1.5\nh_count {count}\n")
    }

    const OF_POD: [&str; 16] = [
        "0.0001", "0.0002", "0.0005", "0.001", "0.002", "0.005", "0.01", "0.02", "0.05", "0.1", "0.2", "0.5",
        "1", "2", "5", "10",
    ];

    fn read(text: &str) -> Result<Histogram> {
        Histogram::read(&Metrics::parse(text)?, "h", &[])
    }

    #[test]
    fn counts_by_edge_and_above_it() {
        let mut counts = [0; 16];
        counts[9..].fill(2);
        counts[12..].fill(3);
        let histogram = read(&text(&OF_POD, &counts, 4, 4)).unwrap();
        assert!(!histogram.is_full());
        let over = |ms| histogram.over(Duration::from_millis(ms)).unwrap();
        assert_eq!((over(50), over(100), over(1000), over(10_000)), (4, 2, 1, 1));
        assert!(histogram.over(Duration::from_millis(3)).is_err());
        let filled = histogram.buckets().into_iter().filter(|(_, count)| *count > 0);
        assert_eq!(filled.map(|(_, count)| count).collect::<Vec<_>>(), [2, 1, 1]);
        let none = histogram.since(&histogram).unwrap();
        assert_eq!((none.count, none.over(Duration::from_secs(1)).unwrap()), (0, 0));
    }

    #[test]
    fn what_is_no_such_histogram_is_an_error() {
        let mut falling = [1; 16];
        falling[3] = 0;
        for wrong in [
            text(&OF_POD, &falling, 1, 1),
            text(&OF_POD, &[1; 16], 2, 1),
            text(&OF_POD, &[2; 16], 1, 1),
            text(&OF_POD[1..], &[1; 15], 1, 1),
            text(&OF_POD[..15], &[1; 15], 1, 1),
        ] {
            assert!(read(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_are_within_their_buckets() {
        let mut counts = [0; 16];
        counts[10..].fill(3);
        let histogram = read(&text(&OF_POD, &counts, 3, 3)).unwrap();
        let is =
            |count, low, high| histogram.is(count, Duration::from_millis(low), Duration::from_millis(high));
        is(3, 100, 160).unwrap();
        is(3, 50, 900).unwrap();
        assert!(is(2, 100, 160).is_err() && is(3, 200, 500).is_err() && is(3, 20, 99).is_err());
    }
}
