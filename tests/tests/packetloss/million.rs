//! Very many drops at once.

use std::net::{Ipv4Addr, SocketAddr};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::loss::Loss;
use kubeskoop_exporter_tests::lab::netns::Netns;
use kubeskoop_exporter_tests::lab::threads::context_switches;
use kubeskoop_exporter_tests::lab::traffic::udp_to_closed_port;

use crate::support::{Symbols, counted, exporter};

const SENDERS: usize = 2;
const EACH: usize = 500_000;
/// The exporter has timers and a socket of its own; a drop in a thousand that woke it would be 1000.
const OTHER_SWITCHES: u64 = 50;

#[test]
fn a_million_drops_are_counted_to_the_last_and_wake_nobody() -> Result<()> {
    let (exporter, _program) = exporter(Symbols::Shown)?;
    let netns = Netns::new("million")?;
    let _resident = netns.spawn_sleeper()?;
    let before = Loss::of(&exporter.scrape()?, netns.name())?;
    assert_eq!(before, Loss::default());
    // The last scrape has its own switches.
    sleep(Duration::from_millis(500));
    let switches = context_switches(exporter.pid())?;
    let began = Instant::now();
    let closed = SocketAddr::from((Ipv4Addr::LOCALHOST, 7));
    scope(|scope| {
        let send = || netns.run(|| udp_to_closed_port(closed, EACH));
        let senders: Vec<_> = (0..SENDERS).map(|_| scope.spawn(send)).collect();
        let mut ends = senders.into_iter().map(|it| it.join());
        ends.try_for_each(|end| end.ok().context("a sender")?)
    })?;
    let took = began.elapsed();
    let switches = context_switches(exporter.pid())? - switches;
    let counted = counted(&netns, "Udp", "NoPorts")?;
    assert_eq!(counted, (SENDERS * EACH) as u64);
    println!("{counted} drops in {took:?}, context switches of the exporter meanwhile: {switches}");
    let lost = Loss::of(&exporter.scrape()?, netns.name())?;
    assert_eq!(lost, Loss::abnormal("NO_SOCKET", counted));
    ensure!(
        switches <= OTHER_SWITCHES,
        "{switches} context switches of the exporter"
    );
    Ok(())
}
