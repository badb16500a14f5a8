//! A probe whose file hangs or is spoilt costs its own numbers and no others.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::metrics::Metrics;
use kubeskoop_exporter_tests::lab::wait::eventually;

use crate::raw::{collections, probe};
use crate::tree::Tree;

/// Upper bound for a collection to come, beside what it is told to wait.
const PATIENCE: Duration = Duration::from_secs(10);
const EVERY_SCRAPE: &str = "interval: 0\n";

#[test]
fn a_file_that_hangs_costs_only_the_probe_that_reads_it() -> Result<()> {
    let tree = Tree::new()?;
    let text = tree.read("dev")?;
    let pipe = tree.block("dev")?;
    let exporter = tree.exporter().config(EVERY_SCRAPE).start()?;

    let metrics = exporter.scrape()?;
    assert_eq!(up(&metrics, "netdev"), Some(0.0));
    for healthy in ["tcp", "udp", "tcpext", "sock", "softnet"] {
        assert_eq!(up(&metrics, healthy), Some(1.0), "{healthy}");
    }
    ensure!(has_series(&metrics, "kubeskoop_tcp_") && has_series(&metrics, "kubeskoop_softnet_"));
    ensure!(!has_series(&metrics, "kubeskoop_netdev_"));
    let errors = errors(&metrics, "netdev")?;
    ensure!(errors >= 1, "{errors}");
    assert_eq!(self::errors(&metrics, "tcp")?, 0);
    let status = probe(&exporter, "netdev")?;
    assert_eq!(status["state"], "failed");
    let reason = status["reason"].as_str().unwrap_or_default();
    ensure!(reason.starts_with("not finished within "), "{status}");
    exporter.wait_for_log(
        &format!("probe failed probe=\"netdev\" reason=\"{reason}\""),
        PATIENCE,
    )?;

    // The others are not slowed down by what still hangs: the next collection does not wait for it.
    let before = collections(&exporter)?;
    let metrics = exporter.scrape()?;
    let took = metrics.value("kubeskoop_exporter_scrape_duration_seconds", &[]);
    ensure!(took.context("no duration")? < 2.5, "{took:?}");
    assert_eq!(collections(&exporter)?, before + 1);
    ensure!(
        self::errors(&metrics, "netdev")? > errors,
        "late again, and not counted"
    );

    tree.replace("dev", &text)?;
    pipe.feed(b"", PATIENCE)?;
    comes_back(&exporter, "netdev", "kubeskoop_netdev_")
}

#[test]
fn a_file_that_is_spoilt_costs_only_the_probes_that_read_it() -> Result<()> {
    let garbage: [&[u8]; 4] = [
        b"",
        b"garbage\n",
        b"Tcp: ActiveOpens\nTcp: many\nUdp: InDatagrams\nUdp: 18446744073709551616\n",
        b"\0\xff\xfeTcp:\n\n\nTcp: 1 2 3 4 5 6 7 8 9",
    ];
    for garbage in garbage {
        let tree = Tree::new()?;
        let text = tree.read("snmp")?;
        let exporter = tree.exporter().config(EVERY_SCRAPE).start()?;
        let healthy = exporter.scrape()?;
        assert_eq!((up(&healthy, "tcp"), up(&healthy, "udp")), (Some(1.0), Some(1.0)));

        tree.replace("snmp", garbage)?;
        let metrics = exporter.scrape()?;
        for spoilt in ["tcp", "udp"] {
            assert_eq!(up(&metrics, spoilt), Some(0.0), "{spoilt}");
            ensure!(!has_series(&metrics, &format!("kubeskoop_{spoilt}_")), "{spoilt}");
            assert_eq!(errors(&metrics, spoilt)?, 1, "{spoilt}");
            let status = probe(&exporter, spoilt)?;
            let reason = status["reason"].as_str().unwrap_or_default();
            ensure!(reason.starts_with("net/snmp: "), "{status}");
            let failed = format!("probe failed probe=\"{spoilt}\" reason=\"net/snmp: ");
            exporter.wait_for_log(&failed, PATIENCE)?;
        }
        for healthy in ["tcpext", "netdev", "sock", "softnet"] {
            assert_eq!(up(&metrics, healthy), Some(1.0), "{healthy}");
            ensure!(
                has_series(&metrics, &format!("kubeskoop_{healthy}_")),
                "{healthy}"
            );
        }

        tree.replace("snmp", &text)?;
        comes_back(&exporter, "tcp", "kubeskoop_tcp_")?;
    }
    Ok(())
}

#[test]
fn a_file_that_is_gone_is_named() -> Result<()> {
    let tree = Tree::new()?;
    std::fs::remove_file(tree.net("netstat"))?;
    let exporter = tree.exporter().config(EVERY_SCRAPE).start()?;
    let metrics = exporter.scrape()?;
    assert_eq!(up(&metrics, "tcpext"), Some(0.0));
    assert_eq!(up(&metrics, "tcp"), Some(1.0));
    let status = probe(&exporter, "tcpext")?;
    assert_eq!(status["reason"], "net/netstat: entity not found");
    Ok(())
}

/// A scraper that waits a second has its answer before that, with what could be read until then.
#[test]
fn the_time_out_of_the_scraper_is_kept() -> Result<()> {
    let tree = Tree::new()?;
    let exporter = tree.exporter().config(EVERY_SCRAPE).start()?;
    let healthy = exporter.scrape()?;
    assert_eq!(up(&healthy, "netdev"), Some(1.0));
    let _pipe = tree.block("dev")?;
    let timeout = [("X-Prometheus-Scrape-Timeout-Seconds", "1")];
    let answer = exporter.get_with("/metrics", &timeout)?;
    assert_eq!(answer.status, 200);
    let metrics = Metrics::parse(&answer.body)?;
    assert_eq!(
        (up(&metrics, "netdev"), up(&metrics, "tcp")),
        (Some(0.0), Some(1.0))
    );
    let status = probe(&exporter, "netdev")?;
    assert_eq!(
        status["reason"],
        "not finished within 0.75 s; its numbers are left out"
    );
    let took = metrics.value("kubeskoop_exporter_scrape_duration_seconds", &[]);
    ensure!(
        took.context("no duration")? >= 0.75,
        "{took:?}: it has not waited"
    );
    Ok(())
}

#[test]
fn a_time_out_that_makes_no_sense_is_passed_over() -> Result<()> {
    let exporter = Exporter::builder().config(EVERY_SCRAPE).start()?;
    for timeout in ["0", "-1", "NaN", "inf", "1e300", "soon", ""] {
        let timeout = [("X-Prometheus-Scrape-Timeout-Seconds", timeout)];
        let answer = exporter.get_with("/metrics", &timeout)?;
        assert_eq!(answer.status, 200, "{timeout:?}");
        Metrics::parse(&answer.body)?;
    }
    Ok(())
}

fn comes_back(exporter: &Exporter, probe: &str, prefix: &str) -> Result<()> {
    eventually(PATIENCE, || {
        let metrics = exporter.scrape()?;
        Ok(up(&metrics, probe) == Some(1.0) && has_series(&metrics, prefix))
    })
    .with_context(|| format!("{probe} does not come back, log:\n{}", exporter.log()))?;
    exporter.wait_for_log(&format!("probe is up again probe=\"{probe}\""), PATIENCE)
}

fn up(metrics: &Metrics, probe: &str) -> Option<f64> {
    metrics.value("kubeskoop_exporter_probe_up", &[("probe", probe)])
}

fn errors(metrics: &Metrics, probe: &str) -> Result<u64> {
    let samples = metrics.matching("kubeskoop_exporter_probe_errors_total", &[("probe", probe)]);
    let sample = samples.first();
    let sample = sample.with_context(|| format!("no errors of {probe}"))?;
    Ok(sample.raw.parse()?)
}

fn has_series(metrics: &Metrics, prefix: &str) -> bool {
    metrics
        .families()
        .iter()
        .any(|family| family.name.starts_with(prefix))
}
