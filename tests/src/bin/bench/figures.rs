//! Measured times, their ratios and their budgets.

use std::fmt;

use anyhow::{Context, Result};

/// Times in seconds by what was measured, one a turn; of CPUs unless the title says otherwise.
#[derive(Debug)]
pub struct Figures {
    title: &'static str,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    what: String,
    seconds: Vec<f64>,
    budget: Option<f64>,
}

impl Default for Figures {
    fn default() -> Self {
        Self::titled("CPU time, ms")
    }
}

impl Figures {
    /// None yet.
    pub fn titled(title: &'static str) -> Self {
        Self {
            title,
            rows: Vec::new(),
        }
    }

    /// Adds the figure of a turn.
    pub fn add(&mut self, what: &str, seconds: f64) {
        match self.rows.iter_mut().find(|row| row.what == what) {
            Some(row) => row.seconds.push(seconds),
            None => self.rows.push(Row {
                what: what.to_owned(),
                seconds: vec![seconds],
                budget: None,
            }),
        }
    }

    /// States what may be taken.
    pub fn budget(&mut self, what: &str, seconds: f64) {
        if let Some(row) = self.rows.iter_mut().find(|row| row.what == what) {
            row.budget = Some(seconds);
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
        let row = self.rows.iter().find(|row| row.what == what);
        row.map(|row| row.seconds.as_slice())
            .with_context(|| format!("{what} was not measured"))
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:46} {:>8} {:>8} {:>8} {:>8}",
            self.title, "min", "median", "max", "budget"
        )?;
        for row in &self.rows {
            let [least, median, most] = spread(row.seconds.clone()).map(|seconds| seconds * 1e3);
            let budget = row
                .budget
                .map_or_else(String::new, |seconds| format!("{:.0}", seconds * 1e3));
            writeln!(
                f,
                "{:46} {least:8.2} {median:8.2} {most:8.2} {budget:>8}",
                row.what
            )?;
        }
        Ok(())
    }
}

fn spread(mut figures: Vec<f64>) -> [f64; 3] {
    figures.sort_by(f64::total_cmp);
    [figures[0], figures[figures.len() / 2], figures[figures.len() - 1]]
}
