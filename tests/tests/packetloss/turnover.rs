//! Namespaces that come and go while packets are dropped in all of them.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, UdpSocket};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::{scope, sleep};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::command::output;
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::helper::Helper;
use kubeskoop_exporter_tests::lab::loss::Loss;
use kubeskoop_exporter_tests::lab::metrics::Metrics;
use kubeskoop_exporter_tests::lab::netns::Netns;
use kubeskoop_exporter_tests::lab::process::Guard;
use kubeskoop_exporter_tests::lab::threads::{maps, open_files, resident};
use kubeskoop_exporter_tests::lab::wait::eventually;
use serde_json::Value;

use crate::support::{SOON, Symbols, counted, exporter};

const ROUNDS: u32 = 25;
const AT_ONCE: u32 = 20;
/// By then all that the exporter keeps for so many namespaces has its size.
const WARM: u32 = 3;
/// KiB; 500 namespaces that left a page each would be 2000.
const MORE_MEMORY: u64 = 1536;
const CLOSED: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7);
const PAUSE: Duration = Duration::from_millis(2);

/// A namespace with a process, and a socket of it that works from everywhere.
struct Inhabited {
    _resident: Guard,
    netns: Netns,
    socket: UdpSocket,
}

impl Inhabited {
    fn new(tag: &str) -> Result<Self> {
        let netns = Netns::new(tag)?;
        let resident = netns.spawn_sleeper()?;
        let socket = netns.run(|| Ok(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?))?;
        Ok(Self {
            _resident: resident,
            netns,
            socket,
        })
    }

    fn lose(&self, count: u32) -> Result<()> {
        (0..count).try_for_each(|_| lose_one(&self.socket))
    }
}

fn lose_one(socket: &UdpSocket) -> Result<()> {
    socket.send_to(b"nobody there", CLOSED)?;
    Ok(())
}

/// Sockets of namespaces that are gone for the exporter, in which packets go on being dropped.
#[derive(Default)]
struct Strays {
    sockets: Mutex<Vec<UdpSocket>>,
    stop: AtomicBool,
}

impl Strays {
    fn replace(&self, sockets: Vec<UdpSocket>) {
        *self.sockets.lock().unwrap_or_else(PoisonError::into_inner) = sockets;
    }

    /// Loses packets in all of them, and in `living`, until told to stop.
    fn go_on(&self, living: &Inhabited) -> Result<()> {
        while !self.stop.load(Ordering::Relaxed) {
            living.lose(10)?;
            let sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
            sockets.iter().try_for_each(lose_one)?;
            drop(sockets);
            sleep(PAUSE);
        }
        Ok(())
    }
}

/// Ends them, also where a test fails.
struct Stop<'a>(&'a Strays);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }
}

/// The cookies of the namespaces that the exporter has.
fn cookies(exporter: &Exporter) -> Result<BTreeSet<u64>> {
    let entities: Value = serde_json::from_str(&exporter.get("/debug/entities")?.body)?;
    let all = entities.as_array().context("a list of entities")?;
    Ok(all
        .iter()
        .filter_map(|entity| entity["cookie"].as_u64())
        .collect())
}

/// The cookies of the namespaces that its programs know.
fn known(exporter: &Exporter, helper: &Helper) -> Result<BTreeSet<u64>> {
    let mut command = Command::new(helper.program());
    command.arg("known_netns").args(maps(exporter.pid())?);
    let keys = output(&mut command)?;
    keys.lines().map(|key| Ok(key.parse()?)).collect()
}

fn has_series(scrape: &Metrics, netns: &str) -> bool {
    let mut samples = scrape.families().iter().flat_map(|family| &family.samples);
    samples.any(|sample| sample.has(&[("netns", netns)]))
}

/// Namespaces are made, lose packets and are deleted. Returns their cookies.
fn round(exporter: &Exporter, strays: &Strays, number: u32) -> Result<BTreeSet<u64>> {
    let before = cookies(exporter)?;
    let made: Result<Vec<Inhabited>> = (0..AT_ONCE).map(|_| Inhabited::new("turnover")).collect();
    let made = made?;
    let scrape = exporter.scrape()?;
    for it in &made {
        assert_eq!(Loss::of(&scrape, it.netns.name())?, Loss::default(), "inherited");
    }
    let new = cookies(exporter)?.difference(&before).copied().collect();
    let count = |at: u32| 50 + number + at;
    for (it, at) in made.iter().zip(0..) {
        it.lose(count(at))?;
    }
    let scrape = exporter.scrape()?;
    for (it, at) in made.iter().zip(0..) {
        let expected = Loss::abnormal("NO_SOCKET", count(at).into());
        assert_eq!(Loss::of(&scrape, it.netns.name())?, expected);
    }
    // They are losing packets when they go, and long after.
    let clones: std::io::Result<Vec<UdpSocket>> = made.iter().map(|it| it.socket.try_clone()).collect();
    strays.replace(clones?);
    let names: Vec<String> = made.iter().map(|it| it.netns.name().to_owned()).collect();
    drop(made);
    eventually(SOON, || {
        let scrape = exporter.scrape()?;
        Ok(!names.iter().any(|name| has_series(&scrape, name)))
    })
    .context("a series of a namespace that is gone")?;
    Ok(new)
}

#[test]
fn namespaces_that_go_are_forgotten_and_those_that_come_inherit_nothing() -> Result<()> {
    let helper = Helper::compile("map_keys")?;
    let (exporter, _program) = exporter(Symbols::Shown)?;
    let living = Inhabited::new("living")?;
    exporter.scrape()?;
    let strays = Strays::default();
    let (mut gone, mut warm) = (BTreeSet::new(), (0, 0));
    scope(|scope| {
        let going_on = scope.spawn(|| strays.go_on(&living));
        let mut rounds = || -> Result<()> {
            for number in 0..ROUNDS {
                gone.extend(round(&exporter, &strays, number)?);
                if number == WARM {
                    warm = (open_files(exporter.pid())?, resident(exporter.pid())?);
                }
            }
            Ok(())
        };
        let outcome = {
            let _stop = Stop(&strays);
            rounds()
        };
        let ended = going_on.join().ok().context("the strays")?;
        outcome.and(ended)
    })?;
    strays.replace(Vec::new());
    let expected = Loss::abnormal("NO_SOCKET", counted(&living.netns, "Udp", "NoPorts")?);
    let lost = Loss::of(&exporter.scrape()?, living.netns.name())?;
    assert_eq!(lost, expected, "of the one that lived all the time");
    nothing_is_left(&exporter, &helper, &gone, warm)
}

fn nothing_is_left(
    exporter: &Exporter,
    helper: &Helper,
    gone: &BTreeSet<u64>,
    (files, memory): (usize, u64),
) -> Result<()> {
    ensure!(
        gone.len() >= (ROUNDS * AT_ONCE) as usize,
        "{} are gone",
        gone.len()
    );
    let mut left = BTreeSet::new();
    let mut open = 0;
    // Other tests have namespaces too, which the exporter sees.
    eventually(SOON, || {
        exporter.scrape()?;
        let known = known(exporter, helper)?;
        ensure!(!known.is_empty(), "the programs know no namespace");
        // A cookie is never given twice, but others may have made namespaces while these were.
        left = known.difference(&cookies(exporter)?).copied().collect();
        open = open_files(exporter.pid())?;
        Ok(left.is_empty() && open <= files)
    })
    .with_context(|| format!("{left:?} are still known, {open} files are open, {files} were"))?;
    let now = resident(exporter.pid())?;
    println!(
        "{} namespaces came and went; resident {memory} KiB, then {now} KiB; {open} files, {files} before",
        gone.len()
    );
    ensure!(now < memory + MORE_MEMORY, "{memory} KiB became {now} KiB");
    Ok(())
}
