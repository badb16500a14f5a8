//! Many processes: a scrape, what it is made of, memory, and the time between scrapes.

use std::time::Duration;

use anyhow::Result;
use kubeskoop_exporter_tests::lab::path::Path;

use crate::cost::{self, DEFAULT_PROBES};
use crate::figures::Figures;
use crate::footprint;
use crate::node::{self, NAMESPACES};
use crate::passes::{Over, Passes};

const TURNS: usize = 20;
const IDLE: Duration = Duration::from_secs(20);

/// 5000 processes and 10 000, on both paths.
pub fn run() -> Result<()> {
    let passes = Passes::compile()?;
    for processes in [20, 40] {
        let _population = node::population(NAMESPACES, processes)?;
        node::grow_up();
        for (path, name) in [(Path::Pass, "with the BPF passes"), (Path::Files, "files only")] {
            println!("\n--- {} processes, {name}", NAMESPACES * processes);
            measure(path, &passes)?;
        }
    }
    Ok(())
}

fn measure(path: Path, passes: &Passes) -> Result<()> {
    let exporter = cost::exporter(path, DEFAULT_PROBES)?;
    let mut figures = Figures::default();
    for _ in 0..TURNS {
        let cost = cost::scrape(&exporter, &[])?;
        figures.add("collection", cost.collection);
        figures.add("exposition", cost.exposition);
    }
    if path == Path::Pass {
        passes.measure(&exporter, Over::Tasks, "task pass", TURNS, &mut figures)?;
        passes.measure(&exporter, Over::Files, "file pass", TURNS, &mut figures)?;
    }
    cost::of_dearest_probes(path, TURNS, &mut figures)?;
    println!("{figures}");
    let idle = footprint::idle_percent(exporter.pid(), IDLE)?;
    println!("CPU between scrapes      {idle:.4} % of one, budget 0.2 %");
    footprint::print(&exporter)
}
