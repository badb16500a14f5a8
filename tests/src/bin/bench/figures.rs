//! Measured CPU times and their ratios.

use std::fmt;

use anyhow::{Context, Result};

/// CPU times in seconds by what was measured, one a turn.
#[derive(Debug, Default)]
pub struct Figures {
    rows: Vec<(String, Vec<f64>)>,
}

impl Figures {
    /// Adds the figure of a turn.
    pub fn add(&mut self, what: &str, seconds: f64) {
        match self.rows.iter_mut().find(|(name, _)| name == what) {
            Some((_, figures)) => figures.push(seconds),
            None => self.rows.push((what.to_owned(), vec![seconds])),
        }
    }

    /// The ratio of two figures of the same turn: minimum, median and maximum over the turns.
    pub fn ratio(&self, of: &str, to: &str) -> Result<String> {
        let ratios = self
            .row(of)?
            .iter()
            .zip(self.row(to)?)
            .map(|(of, to)| of / to)
            .collect();
        let [least, median, most] = spread(ratios);
        Ok(format!("{least:5.2} {median:5.2} {most:5.2}"))
    }

    fn row(&self, what: &str) -> Result<&[f64]> {
        let row = self.rows.iter().find(|(name, _)| name == what);
        row.map(|(_, figures)| figures.as_slice())
            .with_context(|| format!("{what} was not measured"))
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:28} {:>8} {:>8} {:>8}",
            "CPU time, ms", "min", "median", "max"
        )?;
        for (what, figures) in &self.rows {
            let [least, median, most] = spread(figures.clone()).map(|seconds| seconds * 1e3);
            writeln!(f, "{what:28} {least:8.2} {median:8.2} {most:8.2}")?;
        }
        Ok(())
    }
}

fn spread(mut figures: Vec<f64>) -> [f64; 3] {
    figures.sort_by(f64::total_cmp);
    [figures[0], figures[figures.len() / 2], figures[figures.len() - 1]]
}
