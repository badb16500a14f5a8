//! What goes over open files, on a node with many that are no sockets.

use std::process::Command;

use anyhow::Result;
use kubeskoop_exporter_tests::lab::helper::{Helper, Running};
use kubeskoop_exporter_tests::lab::path::Path;

use crate::cost;
use crate::figures::Figures;
use crate::node::{self, NAMESPACES};
use crate::passes::{Over, Passes};

const TURNS: usize = 20;
const PROCESSES: usize = 10;
const FILES_EACH: &str = "10000";
/// Beside what the kernel takes to go over them, which no program can change.
const BUDGET: f64 = 6e-3;

/// Without and with 100 000 files.
pub fn run() -> Result<()> {
    let _population = node::population(NAMESPACES, 1)?;
    let helper = Helper::compile("connections")?;
    measure("few files")?;
    let open = || -> Result<Running> {
        let mut command = Command::new(helper.program());
        Ok(Helper::start(command.args(["0", "1", FILES_EACH]))?.0)
    };
    let _open: Vec<Running> = (0..PROCESSES).map(|_| open()).collect::<Result<_>>()?;
    measure("100 000 files more")
}

fn measure(case: &str) -> Result<()> {
    let mut figures = Figures::default();
    cost::difference(Path::Pass, "tcpsummary", "tcpsummary", TURNS, &mut figures)?;
    cost::difference(Path::Pass, "fd", "fd", TURNS, &mut figures)?;
    cost::difference(Path::Files, "fd", "fd, files only", TURNS, &mut figures)?;
    let exporter = cost::exporter(Path::Pass, "tcpsummary")?;
    Passes::compile()?.measure(&exporter, Over::Files, "file pass", TURNS, &mut figures)?;
    figures.budget("tcpsummary", BUDGET);
    println!("\n--- {case}\n{figures}");
    Ok(())
}
