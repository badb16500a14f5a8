//! What every format of the exposition has in common, so that one walk over the numbers serves all.

use super::Metric;
use super::histogram::Histogram;
use super::labels::LabelSet;

/// Writes families one after another into a buffer.
pub trait FamilyWriter {
    /// Writes the family of a metric: what it is, then its samples. Without samples it writes
    /// nothing.
    fn family<'a>(&mut self, metric: &Metric, samples: impl Iterator<Item = Sample<'a>>);

    /// What was written so far.
    fn finish(self) -> Vec<u8>;
}

/// A sample of a family.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'a> {
    /// Whose it is.
    pub labels: &'a LabelSet,
    /// What else tells it from others of the same owner.
    pub own_labels: Option<&'a LabelSet>,
    /// How much.
    pub value: Value<'a>,
}

/// The value of a sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// A whole number.
    Integer(u64),
    /// A number with a fraction.
    Float(f64),
    /// Times, with the number of the first classic bucket that is written.
    Histogram(&'a Histogram, usize),
}
