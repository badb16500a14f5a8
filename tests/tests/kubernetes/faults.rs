//! Every way in which the watch can go wrong.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::apiserver::{Fault, PodObject};
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::metrics::Metrics;
use kubeskoop_exporter_tests::lab::wait::eventually;

use super::support::{
    Cluster, NOPORTS, datagrams_to_closed_port, nobody_has_a_wrong_name, noports, object, of, searched,
    until, watch_is_up,
};

/// One fault and how it shows.
struct Row {
    name: &'static str,
    begin: fn(&Cluster),
    /// Whether it takes a new token to end it.
    renews: bool,
    shows: Shows,
    /// When the processes of the pod that is added meanwhile appear. What nobody notices goes on until
    /// somebody is looked for, or the watch should have ended.
    joins: Joins,
}

/// How the watch is said to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shows {
    /// Down, as long as the fault lasts.
    Down,
    /// Down, once an answer has not come in time.
    DownLater,
    /// As if nothing were wrong, or only for a moment.
    Nothing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Joins {
    During,
    After,
}

const RENEWED: &str = "marked-renewed";
const AT_ONCE: Duration = Duration::from_secs(10);
/// An answer is waited for half a minute.
const LATER: Duration = Duration::from_secs(45);
/// After a fault of some seconds pauses are still short; a request that hangs has to end first.
const HEALED: Duration = Duration::from_secs(45);

const fn row(name: &'static str, shows: Shows, begin: fn(&Cluster)) -> Row {
    Row {
        name,
        begin,
        renews: false,
        shows,
        joins: Joins::During,
    }
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    row("watch gone by status", Shows::Down, |it| it.api.inject(Fault::WatchAnswer(410))),
    row("watch gone by event", Shows::Down, |it| it.api.inject(Fault::GoneEvent)),
    row("history compacted", Shows::Nothing, |it| { it.api.compact(); it.api.end_watches(); }),
    row("continue token expired", Shows::Nothing, |it| it.api.inject(Fault::GoneContinue)),
    row("cut off within an event", Shows::Down, |it| it.api.inject(Fault::CutInEvent)),
    row("dropped cleanly once", Shows::Nothing, |it| { it.api.end_watches(); }),
    row("dropped cleanly again and again", Shows::Down, |it| it.api.inject(Fault::EndsAtOnce)),
    Row { joins: Joins::After, ..row("hung watch", Shows::Nothing, |it| it.api.inject(Fault::HungWatch)) },
    row("hung request", Shows::DownLater, |it| it.api.inject(Fault::HungRequest)),
    row("half open", Shows::DownLater, |it| it.api.inject(Fault::HalfOpen)),
    Row {
        renews: true,
        ..row("token expired", Shows::Down, |it| { it.api.accept_tokens(&[RENEWED]); it.api.end_watches(); })
    },
    row("unauthorized", Shows::Down, |it| it.api.inject(Fault::Answer(401))),
    row("forbidden", Shows::Down, |it| it.api.inject(Fault::Answer(403))),
    row("too many requests", Shows::Down, |it| it.api.inject(Fault::Answer(429))),
    row("internal error", Shows::Down, |it| it.api.inject(Fault::Answer(500))),
    row("unavailable", Shows::Down, |it| it.api.inject(Fault::Answer(503))),
    row("garbage", Shows::Down, |it| it.api.inject(Fault::Garbage)),
    row("unknown event", Shows::Down, |it| it.api.inject(Fault::UnknownEvent)),
    row("away", Shows::Down, |it| it.api.inject(Fault::Away)),
    row("connections reset", Shows::Down, |it| it.api.inject(Fault::Resets)),
    row("slow answers", Shows::Nothing, |it| it.api.inject(Fault::Drip(512, Duration::from_millis(20)))),
    row("late events", Shows::Nothing, |it| it.api.inject(Fault::Late(Duration::from_secs(2)))),
];

/// What a scrape must hold whatever goes wrong: the pod that was known, and no wrong name.
fn holds(metrics: &Metrics) -> Result<()> {
    nobody_has_a_wrong_name(metrics, &["stays", "joins"])?;
    ensure!(
        noports(metrics, "stays") == Some(3.0),
        "the pod that was known is gone"
    );
    let joins = noports(metrics, "joins");
    ensure!(joins.is_none() || joins == Some(5.0), "{joins:?}");
    Ok(())
}

fn survives(row: &Row) -> Result<()> {
    let cluster = Cluster::start()?;
    let (stays, stays_pod) = cluster.pod("stays")?;
    datagrams_to_closed_port(stays_pod.netns()?, 3)?;
    let exporter = cluster
        .builder("  additionalLabels: ['is=${labels:is}']\n")
        .start()?;
    until(&exporter, AT_ONCE, |metrics| {
        Ok(watch_is_up(metrics)? && noports(metrics, "stays") == Some(3.0))
    })
    .context("before the fault")?;

    // A watch that ends within its first second has failed, whatever the reason.
    thread::sleep(Duration::from_millis(1200));
    (row.begin)(&cluster);
    let joins = object("joins");
    cluster.api.add(&joins);
    cluster.api.update(&stays.clone().label("is", "changed"));
    let start_pod = || {
        let pod = cluster.processes(joins.uid()).start()?;
        datagrams_to_closed_port(pod.netns()?, 5)?;
        anyhow::Ok(pod)
    };
    let during = (row.joins == Joins::During).then(start_pod).transpose()?;
    is_shown(row, &exporter).context("during the fault")?;

    if row.joins == Joins::After {
        let is_blind = !is_labelled(&exporter.scrape()?, "changed");
        ensure!(is_blind, "the change has come through");
    }

    cluster.api.heal();
    if row.renews {
        cluster.kubeconfig.set_token(RENEWED)?;
    }
    let _after = if during.is_none() {
        Some(start_pod()?)
    } else {
        None
    };
    recovers(&cluster, &exporter, &stays)
}

fn recovers(cluster: &Cluster, exporter: &Exporter, stays: &PodObject) -> Result<()> {
    until(exporter, HEALED, |metrics| {
        holds(metrics)?;
        let is_named = noports(metrics, "joins") == Some(5.0);
        Ok(is_named && is_labelled(metrics, "changed") && watch_is_up(metrics)?)
    })
    .context("after the fault")?;
    ensure!(
        exporter.get("/readyz")?.status == 200,
        "not ready after the fault"
    );
    // No process appears: only the watch can tell of it.
    cluster.api.update(&stays.clone().label("is", "watched"));
    until(exporter, AT_ONCE, |metrics| Ok(is_labelled(metrics, "watched"))).context("by the watch")?;
    eventually(AT_ONCE, || Ok(cluster.api.open_watches() == 1)).context("one watch is open")?;
    // Of what stands in a pod its environment is not told either.
    searched(&[cluster.api.token(), RENEWED, "of-main"], exporter)
}

/// Whether the pod that was known has this value of the label that changes.
fn is_labelled(metrics: &Metrics, value: &str) -> bool {
    let labels = [&of("stays")[..], &[("is", value)]].concat();
    metrics.matching(NOPORTS, &labels).len() == 1
}

fn is_shown(row: &Row, exporter: &Exporter) -> Result<()> {
    let limit = match row.shows {
        Shows::Down => AT_ONCE,
        Shows::DownLater => LATER,
        Shows::Nothing => {
            for _ in 0..10 {
                thread::sleep(Duration::from_millis(100));
                holds(&exporter.scrape()?)?;
            }
            return Ok(());
        }
    };
    until(exporter, limit, |metrics| {
        holds(metrics)?;
        if watch_is_up(metrics)? {
            return Ok(false);
        }
        // It may have come up for the moment in between.
        let ready = exporter.get("/readyz")?;
        Ok(ready.status == 503 && ready.body.contains("pods"))
    })?;
    let status = exporter.status()?;
    ensure!(status["kubernetes"].is_object(), "{status}");
    Ok(())
}

#[test]
fn the_watch_survives_every_fault_pods_that_were_known_stay_and_no_token_is_told() -> Result<()> {
    let failures: Vec<String> = thread::scope(|scope| {
        let threads: Vec<_> = ROWS
            .iter()
            .map(|row| (row.name, scope.spawn(|| survives(row))))
            .collect();
        let failure = |(name, thread): (&str, thread::ScopedJoinHandle<'_, Result<()>>)| match thread.join() {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(format!("{name}: {error:#}")),
            Err(_) => Some(format!("{name}: it panicked")),
        };
        threads.into_iter().filter_map(failure).collect()
    });
    ensure!(
        failures.is_empty(),
        "{} of {} faults:\n{}",
        failures.len(),
        ROWS.len(),
        failures.join("\n\n")
    );
    Ok(())
}
