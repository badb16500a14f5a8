//! What the exporter costs: the scenarios named as arguments, or all of them.
//!
//! What is compared takes turns in one run, so that ratios and differences hold however fast the
//! machine is just now.

mod cost;
mod figures;
mod floor;
mod footprint;
mod node;
mod passes;
mod programs;
mod scenarios;

use anyhow::{Context, Result, ensure};
use scenarios::{connections, exposition, files, pods, processes, qdisc, scrape, task_pass, tracers};

type Scenario = (&'static str, fn() -> Result<()>);

const SCENARIOS: [Scenario; 9] = [
    ("scrape", scrape::run),
    ("task_pass", task_pass::run),
    ("connections", connections::run),
    ("files", files::run),
    ("pods", pods::run),
    ("processes", processes::run),
    ("qdisc", qdisc::run),
    ("exposition", exposition::run),
    ("tracers", tracers::run),
];

fn main() -> Result<()> {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let names = SCENARIOS.map(|(name, _)| name);
    for name in &wanted {
        ensure!(
            names.contains(&name.as_str()),
            "no scenario is called {name}: there are {}",
            names.join(", ")
        );
    }
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|it| it == name);
    for (name, run) in SCENARIOS.into_iter().filter(|(name, _)| is_wanted(name)) {
        println!("\n=== {name}");
        run().context(name)?;
    }
    Ok(())
}
