//! The pass over all tasks alone, and a collection of the counters that come from it.

use anyhow::Result;
use kubeskoop_exporter_tests::lab::path::Path;

use crate::cost;
use crate::figures::Figures;
use crate::node::{self, NAMESPACES};
use crate::passes::{Over, Passes};

const TURNS: usize = 30;
const PROBES: &str = "tcp, udp, ip, tcpext";
/// For 250 namespaces with a process each.
const BUDGET: f64 = 1e-3;

/// With few, many and very many processes.
pub fn run() -> Result<()> {
    let passes = Passes::compile()?;
    for processes in [1, 20, 40] {
        let _population = node::population(NAMESPACES, processes)?;
        let exporter = cost::exporter(Path::Pass, PROBES)?;
        let mut figures = Figures::default();
        passes.measure(&exporter, Over::Tasks, "task pass", TURNS, &mut figures)?;
        let collection = format!("collection of {PROBES}");
        for _ in 0..TURNS {
            figures.add(&collection, cost::scrape(&exporter, &[])?.collection);
        }
        if processes == 1 {
            figures.budget("task pass", BUDGET);
        }
        println!(
            "\n--- {} processes in {NAMESPACES} namespaces\n{figures}",
            NAMESPACES * processes
        );
    }
    Ok(())
}
