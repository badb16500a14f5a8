//! Probes switched off and on by the configuration, while the others go on counting.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::configmap::ConfigMap;
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::metrics::{Kind, Metrics};
use kubeskoop_exporter_tests::lab::netns::Netns;
use kubeskoop_exporter_tests::lab::traffic;
use kubeskoop_exporter_tests::lab::wait::eventually;

use crate::support::{Held, OTHERS, TRACERS, config, states};

/// In each round every probe is off once.
const ROUNDS: usize = 100;
/// Those that go off together, while the ones before come on again and the others stay on.
const GROUPS: [&[&str]; 3] = [
    &["packetloss", "softirq", "kernellatency"],
    &["tcpreset", "netiftxlat", "virtcmdlatency"],
    &["tcpretrans", "socketlatency"],
];
/// The round after which it holds what it is to hold.
const WARM_UP: usize = 1;
const SOON: Duration = Duration::from_secs(10);
/// What the allocator may keep.
const SLACK: u64 = 4 << 20;

const REFUSED: u32 = 3;
const DATAGRAMS: u32 = 5;
const CLOSED: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9);
const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// A counter that the traffic between two scrapes makes grow.
struct Exact {
    probe: &'static str,
    metric: &'static str,
    label: Option<(&'static str, &'static str)>,
    more: u32,
}

const EXACT: [Exact; 4] = [
    Exact {
        probe: "tcp",
        metric: "kubeskoop_tcp_outrsts",
        label: None,
        more: REFUSED,
    },
    Exact {
        probe: "udp",
        metric: "kubeskoop_udp_noports",
        label: None,
        more: DATAGRAMS,
    },
    Exact {
        probe: "tcpreset",
        metric: "kubeskoop_tcpreset_total",
        label: Some(("type", "nosock")),
        more: REFUSED,
    },
    Exact {
        probe: "packetloss",
        metric: "kubeskoop_packetloss_drops_total",
        label: Some(("reason", "NO_SOCKET")),
        more: REFUSED + DATAGRAMS,
    },
];

#[test]
fn every_probe_switched_off_and_on_a_hundred_times_leaks_nothing_and_leaves_the_others_alone() -> Result<()> {
    let netns = Netns::new("toggled")?;
    let _resident = netns.spawn_sleeper()?;
    let mut map = ConfigMap::new(&all_but(&[]))?;
    let exporter = Exporter::builder().config_dir(&map).start()?;
    let mut before = exporter.scrape()?;
    let first = states(&before);
    let up = TRACERS.iter().filter(|probe| first[**probe] == "up").count();
    // On some machines there is no virtio device whose commands could be measured.
    ensure!(up >= TRACERS.len() - 1, "{first:?}, log:\n{}", exporter.log());
    ensure!(GROUPS.concat().len() == TRACERS.len(), "a probe is in no group");
    let mut held = None;
    for round in 0..ROUNDS {
        for off in GROUPS {
            send(&netns)?;
            map.swap(&all_but(off))?;
            // Either configuration may be in force yet.
            let now = exporter.scrape()?;
            compare(&netns, &before, &now).with_context(|| format!("round {round}, {off:?} go off"))?;
            let answer = exporter.post("/-/reload")?;
            ensure!(answer.status == 200, "{}", answer.body);
            before = exporter.scrape()?;
            goes_on(&netns, &now, &before).with_context(|| format!("round {round}, {off:?} are off"))?;
            let listed = states(&before);
            ensure!(off.iter().all(|probe| !listed.contains_key(*probe)));
            ensure!(listed.len() == TRACERS.len() + OTHERS.len() - off.len());
        }
        if round == WARM_UP {
            held = Some(Held::by(&exporter)?);
        }
    }
    let held = held.context("there were more rounds than that")?;
    // Symbols of the kernel are read in the background, into a map that is held meanwhile.
    let mut last = Ok(());
    let settled = eventually(SOON, || {
        last = Held::by(&exporter)?.is_not_more_than(&held, SLACK);
        Ok(last.is_ok())
    });
    last.and(settled)
}

fn all_but(off: &[&str]) -> String {
    let tracers = TRACERS.into_iter().filter(|probe| !off.contains(probe));
    config(&tracers.chain(OTHERS).collect::<Vec<_>>())
}

/// On loopback, where everything is fired by the sender itself.
fn send(netns: &Netns) -> Result<()> {
    netns.run(|| {
        traffic::connect_to_closed_port(CLOSED, REFUSED as usize)?;
        traffic::udp_to_closed_port(CLOSED, DATAGRAMS as usize)
    })?;
    traffic::tcp_transfer(netns, netns, ANY_PORT, 10_000)
}

/// After traffic: what was on before and is on now has counted all of it.
fn compare(netns: &Netns, before: &Metrics, now: &Metrics) -> Result<()> {
    goes_on(netns, before, now)?;
    let (were_on, are_on) = (states(before), states(now));
    for exact in EXACT {
        if were_on.contains_key(exact.probe) && are_on.contains_key(exact.probe) {
            let labels: Vec<_> = exact.label.into_iter().chain([("netns", netns.name())]).collect();
            // Reasons that have counted nothing are not there.
            let [before, now] = [before, now].map(|it| it.value(exact.metric, &labels).unwrap_or(0.0));
            let grown = now - before;
            ensure!(
                (grown - f64::from(exact.more)).abs() < 0.5,
                "{}: {before}, then {now}",
                exact.metric
            );
        }
    }
    Ok(())
}

/// Nothing of a probe that was on and is on has fallen or vanished.
fn goes_on(netns: &Netns, before: &Metrics, now: &Metrics) -> Result<()> {
    let (were_on, are_on) = (states(before), states(now));
    for (probe, state) in were_on.iter().filter(|(probe, _)| are_on.contains_key(*probe)) {
        ensure!(
            are_on[probe] == *state,
            "{probe} was {state} and is {}",
            are_on[probe]
        );
        let [before, now] = [before, now].map(|it| counters(it, probe, netns.name()));
        for (series, value) in &before {
            let now = now.get(series).with_context(|| format!("{series:?} is gone"))?;
            ensure!(now >= value, "{series:?} has fallen from {value} to {now}");
        }
        ensure!(
            state != "up" || !before.is_empty(),
            "{probe} is up and has no series"
        );
    }
    Ok(())
}

/// Counters and histograms of a probe by name and labels: those of the host, of the machine and of a
/// namespace.
fn counters(metrics: &Metrics, probe: &str, netns: &str) -> BTreeMap<(String, Vec<(String, String)>), f64> {
    let prefix = format!("kubeskoop_{probe}_");
    let families = metrics
        .families()
        .iter()
        .filter(|it| it.name.starts_with(&prefix) && matches!(it.kind, Kind::Counter | Kind::Histogram));
    families
        .flat_map(|family| &family.samples)
        .filter(|sample| {
            sample
                .label("netns")
                .is_none_or(|it| it.is_empty() || it == netns)
        })
        .map(|sample| {
            let labels = sample.labels.clone().into_iter().collect();
            ((sample.name.clone(), labels), sample.value)
        })
        .collect()
}
