//! Each key of the file takes effect without a restart.

use std::io::{Read, Write};

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::configmap::ConfigMap;
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::http::raw_connect;
use kubeskoop_exporter_tests::lab::process::Signal;

use crate::support::{SOON, status, wait_for_config};
use crate::tree::Tree;

#[test]
fn debug_mode_opens_and_closes_what_is_for_debugging() -> Result<()> {
    let mut map = ConfigMap::new("debugMode: false\n")?;
    let mut exporter = Exporter::builder().config_dir(&map).start()?;
    exporter.scrape()?;
    for (is_on, debug_lines) in [(false, 0), (true, 1), (false, 0), (true, 1)] {
        map.swap(&format!("debugMode: {is_on}\n"))?;
        wait_for_config(&exporter, &format!("debugMode: {is_on}"))?;
        let expected = if is_on { 200 } else { 404 };
        assert_eq!(exporter.get("/debug/entities")?.status, expected);
        assert_eq!(debug_lines_of_a_bad_request(&mut exporter)?, debug_lines);
    }
    Ok(())
}

/// Sends what is no HTTP, which is worth a debug line.
fn debug_lines_of_a_bad_request(exporter: &mut Exporter) -> Result<usize> {
    let position = exporter.log_position();
    let mut stream = raw_connect(exporter.addr()?)?;
    stream.write_all(b"hello\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    ensure!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    // What is logged after it ends the wait for a line that may not come.
    exporter.signal(Signal::HUP)?;
    exporter.wait_for_log_after(position, "nothing changed", SOON)?;
    let log = exporter.log();
    let since = log.get(position..).context("a log that shrinks")?;
    Ok(since.matches("DEBUG a connection ended").count())
}

#[test]
fn interval_decides_how_long_a_collection_is_used() -> Result<()> {
    let mut map = ConfigMap::new("interval: 1h\n")?;
    let exporter = Exporter::builder().config_dir(&map).start()?;
    exporter.scrape()?;
    let first = collections(&exporter)?;
    exporter.scrape()?;
    assert_eq!(collections(&exporter)?, first);
    exporter.post("/-/reload")?;
    exporter.scrape()?;
    assert_eq!(collections(&exporter)?, first, "the reload has changed nothing");

    map.swap("interval: 0\n")?;
    wait_for_config(&exporter, "interval: 0s")?;
    for number in 1..=3 {
        exporter.scrape()?;
        assert_eq!(collections(&exporter)?, first + number);
    }

    map.swap("interval: 30m\n")?;
    wait_for_config(&exporter, "interval: 30m")?;
    exporter.scrape()?;
    let last = collections(&exporter)?;
    exporter.scrape()?;
    assert_eq!(collections(&exporter)?, last);
    Ok(())
}

#[test]
fn verbose_adds_and_takes_away_its_labels() -> Result<()> {
    let mut map = ConfigMap::new("verbose: false\n")?;
    let exporter = Exporter::builder().config_dir(&map).start()?;
    assert_eq!(label(&exporter, "pod_ip")?, None);
    map.swap("verbose: true\n")?;
    wait_for_config(&exporter, "verbose: true")?;
    assert_eq!(label(&exporter, "pod_ip")?.as_deref(), Some(""));
    map.swap("verbose: false\n")?;
    wait_for_config(&exporter, "verbose: false")?;
    assert_eq!(label(&exporter, "pod_ip")?, None);
    Ok(())
}

#[test]
fn additional_labels_come_change_and_go() -> Result<()> {
    let labels = |labels: &str| format!("metrics:\n  additionalLabels: [{labels}]\n");
    let mut map = ConfigMap::new(&labels(""))?;
    let exporter = Exporter::builder().config_dir(&map).start()?;
    assert_eq!(label(&exporter, "zone")?, None);
    for zone in ["a", "b"] {
        map.swap(&labels(&format!("'zone={zone}', 'app=${{labels:app}}'")))?;
        wait_for_config(&exporter, &format!("  - zone={zone}"))?;
        assert_eq!(label(&exporter, "zone")?.as_deref(), Some(zone));
        assert_eq!(
            label(&exporter, "app")?.as_deref(),
            Some(""),
            "the host has no labels"
        );
    }
    map.swap("verbose: true\n")?;
    wait_for_config(&exporter, "verbose: true")?;
    assert_eq!(label(&exporter, "zone")?, None);
    Ok(())
}

#[test]
fn max_series_leaves_probes_out_and_lets_them_in_again() -> Result<()> {
    let tree = Tree::new()?;
    let config = |most: u64| {
        format!("interval: 0\nmetrics:\n  maxSeries: {most}\n  probes: [{{name: tcp}}, {{name: softnet}}]\n")
    };
    let mut map = ConfigMap::new(&config(1000))?;
    let exporter = tree.exporter().config_dir(&map).start()?;
    let (tcp, softnet) = (series(&exporter, "tcp")?, series(&exporter, "softnet")?);
    ensure!(tcp > 0 && softnet > 0, "{tcp}, {softnet}");
    assert_eq!(dropped(&exporter, "softnet")?, 0);

    let too_few = tcp + softnet - 1;
    map.swap(&config(too_few))?;
    wait_for_config(&exporter, &format!("  maxSeries: {too_few}"))?;
    assert_eq!(series(&exporter, "tcp")?, tcp);
    assert_eq!(series(&exporter, "softnet")?, 0);
    let reason = format!("{softnet} series left out: metrics.maxSeries is {too_few}");
    let status = status(&exporter)?["probes"].to_string();
    ensure!(status.contains(&reason), "{status}");
    let before = dropped(&exporter, "softnet")?;
    ensure!(before >= softnet, "{before}");

    let enough = tcp + softnet;
    map.swap(&config(enough))?;
    wait_for_config(&exporter, &format!("  maxSeries: {enough}"))?;
    assert_eq!(series(&exporter, "softnet")?, softnet);
    let after = dropped(&exporter, "softnet")?;
    ensure!(after >= before, "the count began anew: {before}, then {after}");
    Ok(())
}

#[test]
fn a_probe_taken_off_the_list_loses_its_series_and_one_put_on_it_has_some() -> Result<()> {
    let config = |probe: &str| format!("metrics:\n  probes:\n  - name: tcp\n  - name: {probe}\n");
    let mut map = ConfigMap::new(&config("udp"))?;
    let exporter = Exporter::builder().config_dir(&map).start()?;
    for (on, off) in [("udp", "ip"), ("ip", "udp"), ("udp", "ip")] {
        map.swap(&config(on))?;
        wait_for_config(&exporter, &format!("  - name: {on}"))?;
        let metrics = exporter.scrape()?;
        let of_probe = |probe: &str| {
            let prefix = format!("kubeskoop_{probe}_");
            metrics
                .families()
                .iter()
                .filter(|family| family.name.starts_with(&prefix))
                .count()
        };
        ensure!(of_probe(on) > 0 && of_probe("tcp") > 0, "{on} is on the list");
        assert_eq!(of_probe(off), 0, "{off} is not on the list");
        let up = |probe| metrics.value("kubeskoop_exporter_probe_up", &[("probe", probe)]);
        assert_eq!((up(on), up(off), up("tcp")), (Some(1.0), None, Some(1.0)));
    }
    Ok(())
}

fn collections(exporter: &Exporter) -> Result<u64> {
    let number = &status(exporter)?["collection"]["number"];
    number.as_u64().with_context(|| format!("the number is {number}"))
}

/// A label of the series of the host.
fn label(exporter: &Exporter, name: &str) -> Result<Option<String>> {
    let metrics = exporter.scrape()?;
    let sample = metrics.matching("kubeskoop_tcp_insegs", &[("netns", "")]);
    let sample = sample.first().context("no kubeskoop_tcp_insegs of the host")?;
    Ok(sample.label(name).map(str::to_owned))
}

fn series(exporter: &Exporter, probe: &str) -> Result<u64> {
    own(exporter, "kubeskoop_exporter_series", probe)
}

fn dropped(exporter: &Exporter, probe: &str) -> Result<u64> {
    own(exporter, "kubeskoop_exporter_series_dropped_total", probe)
}

fn own(exporter: &Exporter, name: &str, probe: &str) -> Result<u64> {
    let metrics = exporter.scrape()?;
    let samples = metrics.matching(name, &[("probe", probe)]);
    let sample = samples.first().with_context(|| format!("no {name} of {probe}"))?;
    Ok(sample.raw.parse()?)
}
