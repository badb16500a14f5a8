//! The `ConfigMaps` of the products before this one, as their documents describe them.

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::exporter::Exporter;

use crate::run::ConfigFile;

const KUBESKOOP: &str = "\
debugmode: false
port: 9102
enableController: true
controllerAddr: dns:kubeskoop-controller:10263
metrics:
  probes:
  - name: conntrack
  - name: qdisc
  - name: netdev
  - name: io
  - name: sock
  - name: tcpsummary
  - name: tcp
  - name: tcpext
  - name: udp
  - name: rdma
";

const NET_EXPORTER: &str = "\
debugmode: false
event_config:
  loki_enable: false
  loki_address: \"\"
  probes: []
  port: 19102
metric_config:
  interval: 15
  port: 9104
  verbose: true
  probes: []
";

#[test]
fn that_of_kubeskoop_needs_no_change() -> Result<()> {
    let file = ConfigFile::new(KUBESKOOP)?;
    let ended = file.check()?;
    let note = "enableController and controllerAddr are ignored: this exporter needs no controller";
    assert_eq!(ended.errors, format!("{}: {note}\n", file.path().display()));
    let printed = ended.success()?;
    ensure!(printed.contains("\naddress: :9102\n"), "{printed}");
    for probe in ["tcp", "udp", "tcpext", "netdev", "conntrack", "sock"] {
        ensure!(printed.contains(&format!("  - name: {probe}\n")), "{printed}");
    }
    ensure!(!printed.contains("softnet"), "the list replaces the default");
    means_the_same_again(&printed)?;

    let exporter = start(KUBESKOOP)?;
    exporter.scrape()?;
    ensure!(
        !exporter.log().contains("WARN configuration"),
        "{}",
        exporter.log()
    );
    Ok(())
}

#[test]
fn that_of_net_exporter_needs_no_change() -> Result<()> {
    let file = ConfigFile::new(NET_EXPORTER)?;
    let ended = file.check()?;
    let warnings: Vec<_> = ended.errors.lines().collect();
    let expected = [
        (
            3,
            "event_config.loki_enable",
            "it has no effect: this version sends no events",
        ),
        (
            4,
            "event_config.loki_address",
            "it has no effect: this version sends no events",
        ),
        (
            5,
            "event_config.probes",
            "it has no effect: this version sends no events",
        ),
        (6, "event_config.port", "it is ignored: there is no gRPC stream"),
        (8, "metric_config.interval", "use interval"),
        (9, "metric_config.port", "use address"),
        (10, "metric_config.verbose", "use verbose"),
        (11, "metric_config.probes", "use metrics.probes"),
    ]
    .map(|(line, key, instead)| {
        format!(
            "{}warning: {key} is a key of an older product: {instead}",
            file.line(line)
        )
    });
    assert_eq!(warnings, expected);
    let printed = ended.success()?;
    for line in ["interval: 15s\n", "address: :9104\n", "verbose: true\n"] {
        ensure!(printed.contains(line), "{line:?} is not in {printed}");
    }
    let default = ConfigFile::new("")?.check()?.success()?;
    assert_eq!(
        probes(&printed),
        probes(&default),
        "an empty list means the default"
    );
    means_the_same_again(&printed)?;

    start(NET_EXPORTER)?.scrape()?;
    Ok(())
}

#[test]
fn the_probes_of_net_exporter_may_be_listed_by_name_alone() -> Result<()> {
    let printed = ConfigFile::new("metric_config:\n  probes: [tcp, softnet, netdev]\n")?
        .check()?
        .success()?;
    assert_eq!(probes(&printed), ["tcp", "netdev", "softnet"]);
    Ok(())
}

#[test]
fn a_key_of_today_wins_over_the_older_one() -> Result<()> {
    let printed = ConfigFile::new(
        "interval: 1s\naddress: :1\nverbose: false\nmetrics: {probes: [tcp]}\n\
         metric_config: {interval: 9, port: 9, verbose: true, probes: [udp]}\n",
    )?
    .check()?
    .success()?;
    for line in ["interval: 1s\n", "address: :1\n", "verbose: false\n"] {
        ensure!(printed.contains(line), "{line:?} is not in {printed}");
    }
    assert_eq!(probes(&printed), ["tcp"]);
    Ok(())
}

#[test]
fn older_names_of_probes_are_accepted() -> Result<()> {
    let names = [
        "virtcmdlat",
        "virtcmdlatency",
        "net_softirq",
        "softirq",
        "netiftxlatency",
        "netif_txlatency",
        "netiftxlat",
        "tcp_reset",
        "tcpreset",
        "TCP",
    ];
    for name in names {
        let yaml = format!("metrics:\n  probes:\n  - name: {name}\n");
        let ended = ConfigFile::new(yaml)?.check()?;
        assert_eq!(ended.errors, "", "{name}");
        ended.success()?;
    }
    Ok(())
}

#[test]
fn the_node_is_named_by_the_variables_of_both_products() -> Result<()> {
    for (variables, expected) in [
        ([("INSPECTOR_NODENAME", "older"), ("NODE_NAME", "newer")], "newer"),
        ([("INSPECTOR_NODENAME", "older"), ("NODE_NAME", "")], "older"),
    ] {
        let builder = variables
            .iter()
            .fold(Exporter::builder(), |builder, (name, value)| {
                builder.env(*name, *value)
            });
        let exporter = builder.start()?;
        let status = exporter.status()?;
        assert_eq!(status["node"], expected, "{variables:?}");
    }
    Ok(())
}

fn start(yaml: &str) -> Result<Exporter> {
    let started = Exporter::builder().config(yaml).start();
    started.with_context(|| format!("with {yaml}"))
}

fn means_the_same_again(printed: &str) -> Result<()> {
    let again = ConfigFile::new(printed)?.check()?;
    assert_eq!(again.errors, "");
    assert_eq!(again.success()?, printed);
    Ok(())
}

/// The names of the probes in what `check-config` prints.
fn probes(printed: &str) -> Vec<&str> {
    printed
        .lines()
        .filter_map(|line| line.strip_prefix("  - name: "))
        .collect()
}
