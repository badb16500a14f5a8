//! Which types are measured.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Result, ensure};
use kubeskoop_exporter_tests::lab::exporter::{Exporter, binary};
use kubeskoop_exporter_tests::lab::metrics::Metrics;

const METRICS: [&str; 6] = [
    "kubeskoop_softirq_sched_latency_seconds_count",
    "kubeskoop_softirq_schedslow",
    "kubeskoop_softirq_schedslow100ms",
    "kubeskoop_softirq_exec_latency_seconds_count",
    "kubeskoop_softirq_excuteslow",
    "kubeskoop_softirq_excuteslow100ms",
];

fn scrape(args: &str) -> Result<Metrics> {
    let config = format!("metrics: {{probes: [{{name: softirq{args}}}]}}\n");
    let exporter = Exporter::builder().config(&config).start()?;
    exporter.wait_for_probes()?;
    exporter.scrape()
}

fn types(metrics: &Metrics, name: &str) -> BTreeSet<String> {
    let samples = metrics.samples(name);
    samples
        .filter_map(|it| it.label("softirq_type").map(str::to_owned))
        .collect()
}

#[test]
fn only_listed_types_are_exported_and_those_of_the_network_if_none_is() -> Result<()> {
    for (args, expected) in [
        ("", vec!["net_rx", "net_tx"]),
        (
            ", args: {softirq-types: [timer, net_rx]}",
            vec!["net_rx", "timer"],
        ),
        (", args: {softirq-types: [hrtimer]}", vec!["hrtimer"]),
    ] {
        let metrics = scrape(args)?;
        let expected: BTreeSet<String> = expected.into_iter().map(str::to_owned).collect();
        for name in METRICS {
            assert_eq!(types(&metrics, name), expected, "{name} with {args:?}");
            let of_namespace = metrics
                .samples(name)
                .find(|it| it.label("netns").is_some() || it.label("k8s_pod").is_some());
            ensure!(
                of_namespace.is_none(),
                "the machine is no namespace: {of_namespace:?}"
            );
        }
    }
    Ok(())
}

#[test]
fn a_type_that_does_not_exist_is_an_error_with_its_line() -> Result<()> {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(
        file.path(),
        "metrics:\n  probes:\n  - name: softirq\n    args:\n      softirq-types:\n      - net_rx\n      - net_rxx\n",
    )?;
    let output = Command::new(binary()?)
        .arg("check-config")
        .arg(file.path())
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for words in [
        "7",
        "softirq-types",
        "net_rxx",
        "one of hi, timer, net_tx, net_rx",
    ] {
        ensure!(said.contains(words), "{words:?} is not in {said}");
    }
    Ok(())
}
