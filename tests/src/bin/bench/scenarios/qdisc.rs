//! qdisc alone: the queueing disciplines of a veth in each namespace, asked over netlink.

use anyhow::Result;
use kubeskoop_exporter_tests::lab::netns::Netns;
use kubeskoop_exporter_tests::lab::path::Path;

use crate::cost;
use crate::figures::Figures;
use crate::node::{self, NAMESPACES};

const TURNS: usize = 30;
const BUDGET: f64 = 15e-3;

/// What qdisc adds to a collection.
pub fn run() -> Result<()> {
    let lab = node::inhabited(NAMESPACES)?;
    let mut namespaces = lab.iter().map(|(netns, _)| netns);
    while let (Some(a), Some(b)) = (namespaces.next(), namespaces.next()) {
        Netns::connect(a, b)?;
    }
    let mut figures = Figures::default();
    cost::difference(Path::Pass, "qdisc", "qdisc", TURNS, &mut figures)?;
    figures.budget("qdisc", BUDGET);
    println!("\n--- {NAMESPACES} namespaces with a veth each\n{figures}");
    Ok(())
}
