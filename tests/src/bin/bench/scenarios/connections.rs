//! tcpsummary on a node without connections, and with many in one namespace.

use std::process::Command;

use anyhow::Result;
use kubeskoop_exporter_tests::lab::helper::{Helper, Running};
use kubeskoop_exporter_tests::lab::netns::Netns;
use kubeskoop_exporter_tests::lab::path::Path;

use crate::cost;
use crate::figures::Figures;
use crate::node::{self, NAMESPACES};
use crate::passes::{Over, Passes};

const TURNS: usize = 20;
/// Each process holds both ends of so many, and there are two: 20 000 sockets.
const CONNECTIONS: &str = "5000";
const BUDGET: f64 = 25e-3;

/// No connection, 20 000 established sockets, and the same held by two processes each.
pub fn run() -> Result<()> {
    let _population = node::population(NAMESPACES, 1)?;
    let passes = Passes::compile()?;
    let connections = Helper::compile("connections")?;
    let netns = Netns::new("bench")?;
    let cases = [
        ("no connections", None),
        ("20 000 established sockets", Some("1")),
        ("20 000 established sockets, each of two processes", Some("2")),
    ];
    for (case, holders) in cases {
        let _held = match holders {
            Some(holders) => hold(&netns, &connections, holders)?,
            None => Vec::new(),
        };
        let mut figures = Figures::default();
        for (path, what) in [
            (Path::Pass, "tcpsummary"),
            (Path::Files, "tcpsummary, files only"),
        ] {
            cost::difference(path, "tcpsummary", what, TURNS, &mut figures)?;
        }
        let exporter = cost::exporter(Path::Pass, "tcpsummary")?;
        passes.measure(&exporter, Over::Files, "file pass", TURNS, &mut figures)?;
        figures.budget("tcpsummary", BUDGET);
        println!("\n--- {case}\n{figures}");
    }
    Ok(())
}

fn hold(netns: &Netns, helper: &Helper, holders: &str) -> Result<Vec<Running>> {
    let start = || {
        netns.run(|| {
            let mut command = Command::new(helper.program());
            Ok(Helper::start(command.args([CONNECTIONS, holders, "0"]))?.0)
        })
    };
    (0..2).map(|_| start()).collect()
}
