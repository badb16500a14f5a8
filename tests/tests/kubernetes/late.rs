//! Pods that the watch has not told of.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use kubeskoop_exporter_tests::lab::apiserver::{Fault, Kind, new_uid};
use kubeskoop_exporter_tests::lab::path::Path;
use kubeskoop_exporter_tests::on_both_paths;

use super::support::{
    Cluster, datagrams_to_closed_port, namespaces, nobody_has_a_wrong_name, noports, object, pods, until,
};

const NEVER: Duration = Duration::from_hours(1);

on_both_paths!(a_new_pod_has_its_name_on_the_next_scrape_also_when_the_watch_is_late);

fn a_new_pod_has_its_name_on_the_next_scrape_also_when_the_watch_is_late(path: Path) -> Result<()> {
    let cluster = Cluster::taking(path)?;
    let exporter = cluster.exporter()?;
    cluster.api.inject(Fault::Late(NEVER));
    let before = cluster.api.count(Kind::List);
    let is_asked = |expected: usize| {
        let lists = cluster.api.count(Kind::List) - before;
        // Where pods of other tests are seen, they are asked for too.
        let is_right = lists == expected || path == Path::Pass && lists > expected;
        ensure!(is_right, "{lists} lists instead of {expected}");
        Ok(())
    };

    let (_, one) = cluster.pod("one")?;
    datagrams_to_closed_port(one.netns()?, 5)?;
    assert_eq!(noports(&exporter.scrape()?, "one"), Some(5.0));
    is_asked(1)?;

    // Nobody else is new: nothing is asked.
    exporter.scrape()?;
    exporter.scrape()?;
    is_asked(1)?;

    let several: Vec<_> = ["a", "b", "c"]
        .into_iter()
        .map(|name| cluster.pod(name))
        .collect::<Result<_>>()?;
    let metrics = exporter.scrape()?;
    for (object, _) in &several {
        assert_eq!(noports(&metrics, object.name()), Some(0.0), "{}", object.name());
    }
    // One look for all of them.
    is_asked(2)?;
    nobody_has_a_wrong_name(&metrics, &["one", "a", "b", "c"])
}

#[test]
fn a_uid_that_nobody_names_waits_without_a_name_and_is_not_asked_for_at_every_scrape() -> Result<()> {
    let cluster = Cluster::start()?;
    let exporter = cluster.exporter()?;
    let object = object("slow");
    let (unnamed, strange) = (
        cluster.processes(object.uid()).start()?,
        cluster.processes(&new_uid()).start()?,
    );
    datagrams_to_closed_port(unnamed.netns()?, 8)?;
    let before = cluster.api.count(Kind::List);
    let (began, mut scrapes) = (Instant::now(), 0);
    while began.elapsed() < Duration::from_secs(5) || scrapes < 50 {
        let metrics = exporter.scrape()?;
        nobody_has_a_wrong_name(&metrics, &[])?;
        assert_eq!(namespaces(&metrics, "unknown"), Some(2.0));
        assert_eq!(
            (pods(&metrics, "waiting"), pods(&metrics, "exported")),
            (Some(2.0), Some(0.0))
        );
        scrapes += 1;
    }
    let lists = cluster.api.count(Kind::List) - before;
    // At once, and then at intervals that grow from two seconds.
    assert!((1..=4).contains(&lists), "{lists} lists in {scrapes} scrapes");

    // What was counted meanwhile is not lost.
    cluster.api.add(&object);
    until(&exporter, Duration::from_secs(5), |metrics| {
        Ok(noports(metrics, "slow") == Some(8.0))
    })?;
    let metrics = exporter.scrape()?;
    assert_eq!(
        (pods(&metrics, "waiting"), pods(&metrics, "exported")),
        (Some(1.0), Some(1.0))
    );
    drop(strange);
    assert_eq!(pods(&exporter.scrape()?, "waiting"), Some(0.0));
    Ok(())
}
