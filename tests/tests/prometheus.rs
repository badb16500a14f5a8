//! Real Prometheus servers scrape the exporter.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::netns::Netns;
use kubeskoop_exporter_tests::lab::prometheus::{self, JOB, Prometheus, Setup};
use kubeskoop_exporter_tests::lab::relay::Relay;
use kubeskoop_exporter_tests::lab::tools;
use kubeskoop_exporter_tests::lab::traffic::udp_to_closed_port;
use kubeskoop_exporter_tests::lab::wait::eventually;

/// How long a number may take to become visible; it is scraped every second.
const VISIBLE: Duration = Duration::from_secs(30);

/// How many datagrams nobody waits for.
const DATAGRAMS: usize = 50;

/// Collects at every scrape, on a plain host.
const CONFIG: &str = "interval: 0\nkubernetes:\n  enabled: false\n";

/// Content types that the exporter answers with.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const PROTOBUF: &str =
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

#[test]
fn prometheus_2_42_reads_what_is_exported() -> Result<()> {
    is_read_by(&tools::prometheus("2.42")?, Setup::default(), TEXT)
}

#[test]
fn prometheus_2_42_with_native_histograms_reads_protobuf() -> Result<()> {
    let setup = Setup {
        arguments: &["--enable-feature=native-histograms"],
        ..Setup::default()
    };
    is_read_by(&tools::prometheus("2.42")?, setup, PROTOBUF)
}

#[test]
fn prometheus_3_reads_what_is_exported() -> Result<()> {
    match prometheus::newest("prometheus_3_reads_what_is_exported")? {
        Some(program) => is_read_by(&program, Setup::default(), TEXT),
        None => Ok(()),
    }
}

#[test]
fn prometheus_3_reads_protobuf_where_it_is_told_to() -> Result<()> {
    let setup = Setup {
        job: Some("scrape_protocols: [PrometheusProto, OpenMetricsText1.0.0, PrometheusText0.0.4]"),
        ..Setup::default()
    };
    match prometheus::newest("prometheus_3_reads_protobuf_where_it_is_told_to")? {
        Some(program) => is_read_by(&program, setup, PROTOBUF),
        None => Ok(()),
    }
}

#[test]
fn prometheus_2_42_reads_native_histograms() -> Result<()> {
    let setup = Setup {
        arguments: &["--enable-feature=native-histograms"],
        ..Setup::default()
    };
    native_histograms_are_read_by(&tools::prometheus("2.42")?, setup)
}

#[test]
fn prometheus_3_reads_native_histograms() -> Result<()> {
    let setup = Setup {
        arguments: &["--enable-feature=native-histograms"],
        job: Some("scrape_protocols: [PrometheusProto]"),
        ..Setup::default()
    };
    match prometheus::newest("prometheus_3_reads_native_histograms")? {
        Some(program) => native_histograms_are_read_by(&program, setup),
        None => Ok(()),
    }
}

fn is_read_by(program: &Path, setup: Setup<'_>, content_type: &str) -> Result<()> {
    let netns = Netns::new("prometheus")?;
    let exporter = Exporter::builder().config(CONFIG).start()?;
    let relay = Relay::to(exporter.addr()?)?;
    let prometheus = Prometheus::start(program, setup, &[relay.addr()])?;
    let read = the_target_is_up(&prometheus)
        .and_then(|()| the_node_has_a_counter(&prometheus))
        .and_then(|()| datagrams_become_visible(&prometheus, &netns));
    read.with_context(|| format!("{}, log:\n{}", program.display(), prometheus.log()))?;
    let log = prometheus.log();
    let complaints: Vec<&str> = log.lines().filter(|line| line.contains("scrape_pool")).collect();
    ensure!(complaints.is_empty(), "{}: {complaints:#?}", program.display());
    let (asked, answered) = (relay.requested("accept"), relay.answered("content-type"));
    ensure!(
        answered == [content_type.to_owned()].into(),
        "{} asked for {asked:?} and was answered with {answered:?}",
        program.display()
    );
    let encoding = relay.answered("content-encoding");
    ensure!(encoding == ["gzip".to_owned()].into(), "{encoding:?}");
    Ok(())
}

/// Softirqs of timers go on all the time: what is read lies between two counts.
fn native_histograms_are_read_by(program: &Path, setup: Setup<'_>) -> Result<()> {
    const NAME: &str = "kubeskoop_softirq_exec_latency_seconds";
    let probes = "probes: [{name: softirq, args: {softirq-types: [timer]}}]";
    let config = format!(
        "{CONFIG}metrics:
  nativeHistograms: true
  {probes}
"
    );
    let exporter = Exporter::builder().config(&config).start()?;
    let count = || {
        exporter
            .scrape()?
            .value(&format!("{NAME}_count"), &[])
            .context("no count")
    };
    eventually(VISIBLE, || Ok(count()? > 10.0)).context("no ticks")?;
    let before = count()?;
    let prometheus = Prometheus::start(program, setup, &[exporter.addr()?])?;
    the_target_is_up(&prometheus)?;
    let number = |expression: &str| -> Result<f64> {
        let series = prometheus.query(expression)?;
        let [one] = &series[..] else {
            bail!("{expression}: {series:?}");
        };
        Ok(one.value.parse()?)
    };
    let read = number(&format!("histogram_count({NAME})"))?;
    let after = count()?;
    ensure!(
        before <= read && read <= after,
        "{read} is not between {before} and {after}"
    );
    let average = number(&format!("histogram_sum({NAME}) / histogram_count({NAME})"))?;
    let longest = number(&format!("histogram_quantile(1, {NAME})"))?;
    ensure!(
        0.0 < average && average <= longest,
        "{average} on average, {longest} at most"
    );
    Ok(())
}

fn the_target_is_up(prometheus: &Prometheus) -> Result<()> {
    let up = eventually(VISIBLE, || {
        has_value(prometheus, &format!("up{{job=\"{JOB}\"}}"), "1")
    });
    up.with_context(|| match prometheus.get("/api/v1/targets") {
        Ok(targets) => format!("the target is not up: {targets}"),
        Err(error) => format!("the target is not up, and no state is told: {error:#}"),
    })
}

fn the_node_has_a_counter(prometheus: &Prometheus) -> Result<()> {
    let series = prometheus.query("kubeskoop_tcp_outsegs{k8s_pod=\"\",netns=\"\"}")?;
    ensure!(series.len() == 1, "not one series of the node: {series:?}");
    let node = series[0].labels["k8s_node"].as_str().unwrap_or_default();
    ensure!(!node.is_empty(), "nobody's: {series:?}");
    let metadata = prometheus.get("/api/v1/metadata?metric=kubeskoop_tcp_outsegs")?;
    let of_metric = &metadata["kubeskoop_tcp_outsegs"];
    ensure!(
        of_metric.as_array().is_some_and(|all| all.len() == 1) && of_metric[0]["type"] == "counter",
        "no counter: {metadata}"
    );
    Ok(())
}

fn datagrams_become_visible(prometheus: &Prometheus, netns: &Netns) -> Result<()> {
    let noports = format!("kubeskoop_udp_noports{{netns=\"{}\"}}", netns.name());
    eventually(VISIBLE, || has_value(prometheus, &noports, "0")).context("before any datagram")?;

    let closed = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 9);
    netns.run(|| udp_to_closed_port(closed, DATAGRAMS))?;

    let grown = format!("max_over_time({noports}[5m]) - min_over_time({noports}[5m])");
    eventually(VISIBLE, || has_value(prometheus, &grown, &DATAGRAMS.to_string()))
        .with_context(|| format!("{DATAGRAMS} datagrams"))?;
    let increase = format!("increase({noports}[5m]) > 0");
    ensure!(prometheus.query(&increase)?.len() == 1, "none: {increase}");
    Ok(())
}

/// Whether an expression has one result, and that value.
fn has_value(prometheus: &Prometheus, expression: &str, value: &str) -> Result<bool> {
    let series = prometheus.query(expression)?;
    Ok(matches!(&series[..], [one] if one.value == value))
}
