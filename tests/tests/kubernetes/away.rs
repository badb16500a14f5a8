//! An API server that is away for long.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::apiserver::Fault;
use kubeskoop_exporter_tests::lab::wait::eventually;

use super::support::{Cluster, SOON, noports, until, watch_is_up};

/// Long enough to see how pauses grow: an hour would show more of the longest.
const AWAY: Duration = Duration::from_secs(32);

/// From the loss of the server on, when an exporter tried to reach it.
fn attempts_while_away() -> Result<Vec<Duration>> {
    let cluster = Cluster::start()?;
    let (_, _pod) = cluster.pod("stays")?;
    let exporter = cluster.exporter()?;
    let began = Instant::now();
    cluster.api.inject(Fault::Resets);
    until(&exporter, SOON, |metrics| Ok(!watch_is_up(metrics)?))?;
    while began.elapsed() < AWAY {
        let metrics = exporter.scrape()?;
        ensure!(
            noports(&metrics, "stays") == Some(0.0),
            "the pod is gone: {}",
            exporter.log()
        );
        ensure!(!watch_is_up(&metrics)?, "{}", exporter.log());
        sleep(Duration::from_millis(500));
    }
    let attempts = cluster.api.attempts();
    Ok(attempts
        .iter()
        .filter_map(|at| at.checked_duration_since(began))
        .collect())
}

#[test]
fn a_server_that_is_away_is_asked_at_ever_longer_intervals_and_no_two_exporters_are_in_step() -> Result<()> {
    let joined = std::thread::scope(|scope| {
        let threads = [(); 2].map(|()| scope.spawn(attempts_while_away));
        threads.map(|thread| thread.join().map_err(|_| anyhow::anyhow!("a thread panicked")))
    });
    let [one, other] = joined;
    let (one, other) = (one??, other??);
    for attempts in [&one, &other] {
        assert!((4..=12).contains(&attempts.len()), "{attempts:?}");
        let gaps: Vec<_> = attempts
            .windows(2)
            .map(|pair| pair[1].abs_diff(pair[0]))
            .collect();
        let (first, longest) = (gaps[0], gaps.iter().max().context("no gap")?);
        assert!(
            *longest > first * 3 && *longest > Duration::from_secs(4),
            "{attempts:?}"
        );
        assert!(*longest < Duration::from_secs(32), "{attempts:?}");
    }
    let differences = one.iter().zip(&other).map(|(one, other)| one.abs_diff(*other));
    let largest = differences.max().context("no attempt")?;
    assert!(largest > Duration::from_millis(50), "{one:?} {other:?}");
    Ok(())
}

#[test]
fn a_server_that_asks_for_a_pause_is_left_alone_for_as_long() -> Result<()> {
    let cluster = Cluster::start()?;
    let exporter = cluster.exporter()?;
    until(&exporter, SOON, watch_is_up)?;
    cluster.api.inject(Fault::Answer(429));
    let refused = || {
        let requests = cluster.api.requests().into_iter();
        let refused = requests.filter(|request| request.status == Some(429));
        refused.map(|request| request.at).collect::<Vec<_>>()
    };
    eventually(SOON, || Ok(refused().len() >= 3))?;
    let at = refused();
    let shortest = at.windows(2).map(|pair| pair[1].duration_since(pair[0])).min();
    // What it asks for is a second.
    assert!(shortest >= Some(Duration::from_secs(1)), "{shortest:?}");
    Ok(())
}
