//! What many pods and many changes cost.

use std::thread::{scope, sleep};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use kubeskoop_exporter_tests::lab::apiserver::PodObject;
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::metrics::Metrics;

use super::support::{Cluster, NOPORTS, object, of, pods, until};

const EVENTS: usize = 10_000;
/// Events until the exporter has the memory that it needs.
const BEFORE: usize = 3_000;
/// What is kept of a pod is some hundreds of bytes: of 10 000 events that left it behind it would be
/// some megabytes. What the allocator keeps for the next event is less.
const GROWTH: f64 = 1.5 * 1024.0 * 1024.0;
const SOON: Duration = Duration::from_secs(20);

fn resident(metrics: &Metrics) -> Result<f64> {
    let name = "process_resident_memory_bytes";
    metrics.value(name, &[]).context(name)
}

/// Pods come, change and go until there have been so many events; then all has arrived.
fn churn(
    cluster: &Cluster,
    exporter: &Exporter,
    marked: &PodObject,
    events: usize,
    round: &str,
) -> Result<()> {
    for number in 0..events / 4 {
        let pod = object(&format!("job-{number}"))
            .label("app", "job")
            .label("number", &number.to_string());
        cluster.api.add(&pod);
        cluster.api.update(&pod.clone().phase("Succeeded"));
        cluster.api.delete(&pod)?;
        let mark = format!("{round}-{number}");
        cluster.api.update(&marked.clone().label("mark", &mark));
        // A watch that falls behind the history would have to begin anew.
        if number % 100 == 99 || number + 1 == events / 4 {
            let labels = [&of(marked.name())[..], &[("mark", &mark)]].concat();
            until(exporter, SOON, |metrics| {
                Ok(metrics.matching(NOPORTS, &labels).len() == 1)
            })?;
        }
    }
    Ok(())
}

fn memory_is_flat(count: usize) -> Result<()> {
    let cluster = Cluster::start()?;
    let (marked, _pod) = cluster.pod("marked")?;
    for number in 1..count {
        cluster
            .api
            .add(&object(&format!("pod-{number}")).label("app", "many"));
    }
    let exporter = cluster
        .builder("  additionalLabels: ['mark=${labels:mark}']\n")
        .start()?;
    let known = |metrics: &Metrics| pods(metrics, "without_process").map(|it| it + 1.0);
    let expected = count.to_string().parse::<f64>()?;
    until(&exporter, SOON, |metrics| Ok(known(metrics) == Some(expected)))?;
    churn(&cluster, &exporter, &marked, BEFORE, "before")?;
    let lists = cluster
        .api
        .count(kubeskoop_exporter_tests::lab::apiserver::Kind::List);
    let before = resident(&exporter.scrape()?)?;
    churn(&cluster, &exporter, &marked, EVENTS, "after")?;
    sleep(Duration::from_millis(100));
    let metrics = exporter.scrape()?;
    let after = resident(&metrics)?;
    println!("{count} pods: {before} bytes, and {after} after {EVENTS} events");
    ensure!(
        after - before < GROWTH,
        "{count} pods: {before} bytes became {after}"
    );
    ensure!(
        known(&metrics) == Some(expected),
        "{:?} pods instead of {count}",
        known(&metrics)
    );
    let more = cluster
        .api
        .count(kubeskoop_exporter_tests::lab::apiserver::Kind::List)
        - lists;
    ensure!(more == 0, "the watch began anew {more} times");
    Ok(())
}

#[test]
fn memory_stays_flat_over_10_000_events_with_110_and_with_500_pods() -> Result<()> {
    scope(|scope| {
        let threads = [110, 500].map(|count| scope.spawn(move || memory_is_flat(count)));
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().map_err(|_| anyhow!("a thread panicked"))?)
    })
}
