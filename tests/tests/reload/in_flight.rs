//! A scrape that is under way when the configuration changes.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::configmap::ConfigMap;
use kubeskoop_exporter_tests::lab::http;
use kubeskoop_exporter_tests::lab::metrics::Metrics;
use kubeskoop_exporter_tests::lab::netns::Netns;

use crate::support::SOON;
use crate::tree::Tree;

/// Within this time a collection must begin.
const BEGIN: Duration = Duration::from_secs(5);

fn config(port: u16, name: &str) -> String {
    format!("address: 127.0.0.1:{port}\ninterval: 0\nkubernetes:\n  nodeName: {name}\n")
}

/// Also when it came in by an address that is served no more.
#[test]
fn a_scrape_in_flight_finishes_with_the_configuration_it_began_with() -> Result<()> {
    let netns = Netns::new("in-flight")?;
    let tree = Tree::new()?;
    let mut map = ConfigMap::new(&config(9200, "before"))?;
    let exporter = tree
        .exporter()
        .without_bind()
        .config_dir(&map)
        .wrap(netns.prefix())
        .start()?;
    let address = exporter.addr()?;
    exporter.wait_for_log("found", BEGIN)?;

    let text = tree.read("dev")?;
    let pipe = tree.block("dev")?;
    let answer = thread::scope(|scope| {
        let scrape = scope.spawn(|| netns.run(|| http::get(address, "/metrics", &[])));
        let reader = pipe.wait_for_reader(BEGIN)?;
        map.swap(&config(9300, "after"))?;
        exporter.wait_for_log("listening on http://127.0.0.1:9300/metrics", SOON)?;
        tree.replace("dev", &text)?;
        pipe.feed(&text, BEGIN)?;
        drop(reader);
        scrape
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    assert_eq!(answer.status, 200);
    let metrics = Metrics::parse(&answer.body)?;
    let sample = metrics
        .samples("kubeskoop_tcp_insegs")
        .next()
        .context("no kubeskoop_tcp_insegs")?;
    assert_eq!(sample.label("k8s_node"), Some("before"));

    let moved = "127.0.0.1:9300".parse()?;
    let body = netns.run(|| http::get(moved, "/metrics", &[]))?.body;
    ensure!(
        body.contains("k8s_node=\"after\"") && !body.contains("k8s_node=\"before\""),
        "{body}"
    );
    Ok(())
}
