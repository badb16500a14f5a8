//! The numbers one probe gathered in one collection.

use super::Metric;

/// A table with a row an entity and a column a metric of the probe; a cell without a number is no
/// series.
#[derive(Debug, Clone, Default)]
pub struct Samples {
    metrics: &'static [Metric],
    cells: Vec<Option<u64>>,
}

impl Samples {
    /// An empty table for `entities` rows.
    pub fn new(metrics: &'static [Metric], entities: usize) -> Self {
        Self {
            metrics,
            cells: vec![None; metrics.len() * entities],
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

    /// Takes back whatever an entity was given.
    pub fn clear_row(&mut self, entity: usize) {
        self.row_mut(entity).fill(None);
    }

    /// Takes back everything.
    pub fn clear(&mut self) {
        self.cells.fill(None);
    }

    /// The numbers of one metric with the entities they belong to.
    pub fn column(&self, metric: usize) -> impl Iterator<Item = (usize, u64)> + '_ {
        let width = self.metrics.len();
        let cells = self.cells.iter().skip(metric).step_by(width);
        cells
            .enumerate()
            .filter_map(|(entity, cell)| Some((entity, (*cell)?)))
    }

    /// How many series there are.
    pub fn series(&self) -> usize {
        self.cells.iter().flatten().count()
    }
}
