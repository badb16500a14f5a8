//! Very many drops at once.

use std::io::{Write, stderr};
use std::net::{Ipv4Addr, SocketAddr};
use std::thread::{ScopedJoinHandle, scope, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::loss::Loss;
use kubeskoop_exporter_tests::lab::metrics::Metrics;
use kubeskoop_exporter_tests::lab::netns::Netns;
use kubeskoop_exporter_tests::lab::threads::context_switches;
use kubeskoop_exporter_tests::lab::traffic::udp_to_closed_port;

use crate::support::{CONFIG, counted};

const SENDERS: u32 = 2;
const EACH: u32 = 500_000;
/// Context switches a second: the exporter looks at its configuration, which wakes the thread that
/// watches the file.
const OTHER_SWITCHES: u64 = 10;

/// Seconds that the programs have run.
fn run_time(scrape: &Metrics) -> Result<f64> {
    let name = "kubeskoop_exporter_bpf_run_time_seconds_total";
    let run_time = scrape.value(name, &[("probe", "packetloss")]);
    run_time.with_context(|| format!("no {name}"))
}

#[test]
fn a_million_drops_are_counted_to_the_last_and_wake_nobody() -> Result<()> {
    let exporter = Exporter::builder()
        .config(&format!("{CONFIG}bpfStats: true\n"))
        .start()?;
    let netns = Netns::new("million")?;
    let _resident = netns.spawn_sleeper()?;
    let before = exporter.scrape()?;
    assert_eq!(Loss::of(&before, netns.name())?, Loss::default());
    // The last scrape has its own switches.
    sleep(Duration::from_millis(500));
    let switches = context_switches(exporter.pid())?;
    let began = Instant::now();
    let closed = SocketAddr::from((Ipv4Addr::LOCALHOST, 7));
    scope(|scope| {
        let send = || netns.run(|| udp_to_closed_port(closed, EACH as usize));
        let senders: Vec<_> = (0..SENDERS).map(|_| scope.spawn(send)).collect();
        let mut ends = senders.into_iter().map(ScopedJoinHandle::join);
        ends.try_for_each(|end| end.ok().context("a sender")?)
    })?;
    let took = began.elapsed();
    let switches = context_switches(exporter.pid())? - switches;
    let counted = counted(&netns, "Udp", "NoPorts")?;
    assert_eq!(counted, u64::from(SENDERS * EACH));
    let after = exporter.scrape()?;
    let lost = Loss::of(&after, netns.name())?;
    assert_eq!(lost, Loss::abnormal("NO_SOCKET", counted));
    // Of all that the machine dropped, which is hardly more.
    let each = (run_time(&after)? - run_time(&before)?) / f64::from(SENDERS * EACH) * 1e9;
    // Unlike what a macro prints, this is shown when the test has passed, too.
    writeln!(
        stderr(),
        "{counted} drops in {took:?}, {each:.0} ns of BPF each, its measuring included (budget 100 ns); \
         context switches of the exporter meanwhile: {switches}"
    )?;
    ensure!(each > 0.0, "the kernel has measured nothing");
    let most = OTHER_SWITCHES * (took.as_secs() + 2);
    ensure!(
        switches <= most,
        "{switches} context switches of the exporter in {took:?}"
    );
    Ok(())
}
