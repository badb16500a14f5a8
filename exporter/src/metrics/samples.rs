//! The numbers one probe gathered in one collection.

use std::sync::Arc;

use super::Metric;
use super::histogram::Histogram;
use super::labels::LabelSet;
use super::writer::Value;

/// A table with a row an entity and a column a metric of the probe; a cell without a number is no
/// series. Metrics with labels of their own, and histograms, have a list beside it.
#[derive(Debug, Clone, Default)]
pub struct Samples {
    metrics: &'static [Metric],
    cells: Vec<Option<u64>>,
    lists: Vec<Vec<Labelled>>,
}

/// A sample of a metric with labels of its own, or a histogram.
#[derive(Debug, Clone)]
pub struct Labelled {
    /// Whose it is.
    pub entity: usize,
    /// The labels of its own, if it has any.
    pub labels: Option<Arc<LabelSet>>,
    /// How much.
    pub amount: Amount,
}

/// What a sample says.
#[derive(Debug, Clone)]
pub enum Amount {
    /// A number.
    Number(u64),
    /// Times, and the first classic bucket that is exported.
    Times(Box<Histogram>, usize),
}

impl Amount {
    /// It, to be written.
    pub fn value(&self) -> Value<'_> {
        match self {
            Self::Number(number) => Value::Integer(*number),
            Self::Times(histogram, first) => Value::Histogram(histogram, *first),
        }
    }

    /// Series it makes in the text format: those of a histogram are its buckets, `+Inf`, sum and
    /// count.
    fn series(&self) -> usize {
        match self {
            Self::Number(_) => 1,
            Self::Times(_, first) => super::histogram::CLASSIC.len() - first + 3,
        }
    }
}

impl Samples {
    /// An empty table for `entities` rows.
    pub fn new(metrics: &'static [Metric], entities: usize) -> Self {
        Self {
            metrics,
            cells: vec![None; metrics.len() * entities],
            lists: vec![Vec::new(); metrics.len()],
        }
    }

    /// The metrics, in the order of the columns.
    pub fn metrics(&self) -> &'static [Metric] {
        self.metrics
    }

    /// The row of an entity, a cell for each metric.
    pub fn row_mut(&mut self, entity: usize) -> &mut [Option<u64>] {
        let width = self.metrics.len();
        &mut self.cells[entity * width..(entity + 1) * width]
    }

    /// Adds a sample to a metric.
    pub fn push(&mut self, metric: usize, sample: Labelled) {
        self.lists[metric].push(sample);
    }

    /// Takes back whatever an entity was given.
    pub fn clear_row(&mut self, entity: usize) {
        self.row_mut(entity).fill(None);
        for list in &mut self.lists {
            list.retain(|sample| sample.entity != entity);
        }
    }

    /// Takes back everything.
    pub fn clear(&mut self) {
        self.cells.fill(None);
        self.lists.iter_mut().for_each(Vec::clear);
    }

    /// The numbers of one metric with the entities they belong to.
    pub fn column(&self, metric: usize) -> impl Iterator<Item = (usize, u64)> + '_ {
        let width = self.metrics.len();
        let cells = self.cells.iter().skip(metric).step_by(width);
        cells
            .enumerate()
            .filter_map(|(entity, cell)| Some((entity, (*cell)?)))
    }

    /// What a metric has beside its column.
    pub fn list(&self, metric: usize) -> &[Labelled] {
        &self.lists[metric]
    }

    /// How many series there are.
    pub fn series(&self) -> usize {
        let listed = self.lists.iter().flatten();
        self.cells.iter().flatten().count() + listed.map(|it| it.amount.series()).sum::<usize>()
    }
}
