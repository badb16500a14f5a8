//! Nodes to measure on. What is made for them goes with the guards.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use kubeskoop_exporter_tests::lab::helper::{Helper, Running};
use kubeskoop_exporter_tests::lab::netns::Netns;
use kubeskoop_exporter_tests::lab::process::Guard;

/// How many namespaces the budgets are stated for.
pub const NAMESPACES: usize = 250;
/// Younger processes are looked at anew by every scan of `/proc`; a node's are mostly older.
const GROWN_UP: Duration = Duration::from_secs(31);

/// Named namespaces with loopback up and one process each.
pub fn inhabited(count: usize) -> Result<Vec<(Netns, Guard)>> {
    println!("making {count} network namespaces, each with a process");
    let inhabited = || {
        let netns = Netns::new("bench")?;
        let process = netns.spawn_sleeper()?;
        Ok((netns, process))
    };
    (0..count).map(|_| inhabited()).collect()
}

/// Namespaces without a name, with as many processes each.
pub fn population(namespaces: usize, processes: usize) -> Result<Running> {
    println!("making {namespaces} network namespaces with {processes} processes each");
    let helper = Helper::compile("population")?;
    let mut command = Command::new(helper.program());
    command.args([namespaces.to_string(), processes.to_string()]);
    Ok(Helper::start(&mut command)?.0)
}

/// Waits until no process is new any more.
pub fn grow_up() {
    println!("waiting until the processes are no longer new");
    std::thread::sleep(GROWN_UP);
}
