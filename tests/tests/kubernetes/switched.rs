//! Whether pods are named, and those of which node, is up to the configuration at any time.

use anyhow::Result;
use kubeskoop_exporter_tests::lab::configmap::ConfigMap;
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::metrics::Metrics;

use super::support::{Cluster, NOPORTS, SOON, WATCH_UP, datagrams_to_closed_port, noports, object, until};

const CONFIG: &str = "interval: 0\nmetrics: {probes: [udp]}\n";

fn settings(enabled: &str, node: &str) -> String {
    format!("{CONFIG}kubernetes: {{enabled: {enabled}, nodeName: {node}}}\n")
}

/// The values of `netns` of all series.
fn plain_labels(metrics: &Metrics) -> Vec<&str> {
    let samples = metrics.samples(NOPORTS);
    samples.filter_map(|sample| sample.label("netns")).collect()
}

#[test]
fn outside_of_a_cluster_a_kubeconfig_alone_has_nobody_asked() -> Result<()> {
    let cluster = Cluster::start()?;
    let (_, _pod) = cluster.pod("front")?;
    let exporter = cluster.builder("").config(CONFIG).start()?;
    let metrics = exporter.scrape()?;
    assert_eq!(plain_labels(&metrics).len(), 2);
    assert_eq!(metrics.value(WATCH_UP, &[]), None);
    assert_eq!(noports(&metrics, "front"), None);
    assert!(exporter.status()?["kubernetes"].is_null());
    assert!(cluster.api.requests().is_empty());
    Ok(())
}

#[test]
fn another_node_or_none_takes_effect_while_the_exporter_runs() -> Result<()> {
    let cluster = Cluster::start()?;
    let (here, there) = (object("here"), object("there").node("worker-2"));
    let mut pods = Vec::new();
    for (object, count) in [(&here, 1), (&there, 2)] {
        cluster.api.add(object);
        let pod = cluster.processes(object.uid()).start()?;
        datagrams_to_closed_port(pod.netns()?, count)?;
        pods.push(pod);
    }
    let mut map = ConfigMap::new(&settings("true", "worker-1"))?;
    let exporter = cluster.builder("").config_dir(&map).start()?;
    let expect = |exporter: &Exporter, expected: [Option<f64>; 2], plain: usize| {
        until(exporter, SOON, |metrics| {
            let named = ["here", "there"].map(|name| noports(metrics, name));
            Ok(named == expected && plain_labels(metrics).len() == plain)
        })
    };
    expect(&exporter, [Some(1.0), None], 0)?;
    map.swap(&settings("true", "worker-2"))?;
    expect(&exporter, [None, Some(2.0)], 0)?;
    map.swap(&settings("false", "worker-2"))?;
    expect(&exporter, [None, None], 3)?;
    map.swap(&settings("true", "worker-1"))?;
    expect(&exporter, [Some(1.0), None], 0)
}
