//! `check-config`: what a file means.

use anyhow::{Result, ensure};

use crate::run::{ConfigFile, exporter};

/// Every key there is, each other than its default.
const EVERYTHING: &str = "\
debugMode: true
address: '[::1]:9103'
interval: 500us
verbose: true
metrics:
  probes:
  - name: ip
  - netdev
  - name: softnet
    args:
  maxSeries: 1234
  nativeHistograms: true
  additionalLabels:
  - zone=eu-1
  - app = ${labels:app.kubernetes.io/name}/${labels:tier}
kubernetes:
  enabled: false
  nodeName: \"a 'quoted' \\\"name\\\": #1\\n\"
bpfHooks: kprobe
bpfStats: true
btfPath: /boot/vmlinux
";

#[test]
fn an_empty_file_means_the_defaults() -> Result<()> {
    let empty = ConfigFile::new("")?.check()?.success()?;
    for line in [
        "debugMode: false",
        "address: :9102",
        "interval: 5s",
        "verbose: false",
        "  - name: tcp",
        "  maxSeries: 200000",
        "  enabled: auto",
    ] {
        ensure!(empty.lines().any(|it| it == line), "{line:?} is not in {empty}");
    }
    for same in [
        "# nothing\n",
        "{}\n",
        "~\n",
        "interval:\nmetrics:\n",
        "\u{feff}",
        "---\n...\n",
    ] {
        assert_eq!(ConfigFile::new(same)?.check()?.success()?, empty, "{same:?}");
    }
    Ok(())
}

#[test]
fn what_is_printed_means_the_same_again() -> Result<()> {
    for yaml in [
        "",
        EVERYTHING,
        "address: unix:///run/a b.sock\n",
        "address: localhost:1\n",
        "interval: 0\n",
        "interval: 1m30s\n",
        "metrics: {probes: []}\n",
        "metrics: {probes: [{name: netdev, args: {devices: {include: [007, '*'], exclude: ['8', true, 'no', 1e3]}}}]}\n",
        "kubernetes: {nodeName: '0123'}\n",
        "kubernetes: {nodeName: 'null'}\n",
        "kubernetes: {nodeName: ' spaces '}\n",
        "kubernetes: {nodeName: \"ünï\\t\\u0007\"}\n",
    ] {
        let printed = ConfigFile::new(yaml)?.check()?.success()?;
        let again = ConfigFile::new(&printed)?.check()?;
        assert_eq!(again.errors, "", "{yaml:?} is printed as {printed}");
        assert_eq!(again.success()?, printed, "{yaml:?}");
    }
    Ok(())
}

#[test]
fn every_key_is_in_what_is_printed() -> Result<()> {
    let printed = ConfigFile::new(EVERYTHING)?.check()?.success()?;
    assert_eq!(
        printed,
        "\
debugMode: true
address: '[::1]:9103'
interval: 500us
verbose: true
metrics:
  probes:
  - name: netdev
  - name: softnet
  - name: ip
  additionalLabels:
  - zone=eu-1
  - app=${labels:app.kubernetes.io/name}/${labels:tier}
  maxSeries: 1234
  nativeHistograms: true
kubernetes:
  enabled: 'false'
  nodeName: |
    a 'quoted' \"name\": #1
bpfHooks: kprobe
bpfStats: true
btfPath: /boot/vmlinux
"
    );
    Ok(())
}

#[test]
fn keys_match_without_regard_to_case() -> Result<()> {
    let lower =
        "debugmode: true\nmetrics:\n  additionallabels: [a=b]\n  maxseries: 7\nkubernetes:\n  nodename: n\n";
    let ended = ConfigFile::new(lower)?.check()?;
    assert_eq!(ended.errors, "");
    let printed = ended.success()?;
    for line in ["debugMode: true", "  - a=b", "  maxSeries: 7", "  nodeName: n"] {
        ensure!(
            printed.lines().any(|it| it == line),
            "{line:?} is not in {printed}"
        );
    }
    Ok(())
}

#[test]
fn what_has_no_effect_is_a_warning_with_its_line() -> Result<()> {
    let file = ConfigFile::new(
        "teapot: 1\naddress: :9103\nport: 9102\nmetrics:\n  probes:\n  - name: tcp\n    arg: 1\n  - name: tpc\n  \
         - name: TCP\n  - name: netdev\n    args: {device: a}\nevent:\n  sinks:\n  - name: stderr\n",
    )?;
    let ended = file.check()?;
    let warnings: Vec<_> = ended.errors.lines().collect();
    let expected = [
        (1, "unknown key teapot; it has no effect"),
        (3, "port has no effect: address is given"),
        (7, "unknown key metrics.probes[].arg; it has no effect"),
        (8, "unknown probe \"tpc\"; it has no effect"),
        (9, "the probe tcp is listed twice; the first counts"),
        (11, "unknown key metrics.probes[3].args.device; it has no effect"),
        (14, "event.sinks has no effect: this version sends no events"),
    ]
    .map(|(line, warning)| format!("{}warning: {warning}", file.line(line)));
    assert_eq!(warnings, expected);
    let printed = ended.success()?;
    ensure!(printed.contains("address: :9103\n"), "{printed}");
    Ok(())
}

#[test]
fn flags_count_too() -> Result<()> {
    let file = ConfigFile::new("address: :1\nmetrics:\n  probes: [tcp, udp]\n")?;
    let path = file.path().display().to_string();
    let printed = exporter([
        "check-config",
        &path,
        "--bind",
        "[::1]:2",
        "--without-probe",
        "udp",
    ])?
    .success()?;
    ensure!(
        printed.contains("address: '[::1]:2'\n") && !printed.contains("udp"),
        "{printed}"
    );
    Ok(())
}

/// Templates write it where nobody has named the node.
#[test]
fn an_empty_node_name_is_none() -> Result<()> {
    let default = ConfigFile::new("")?.check()?.success()?;
    let empty = ConfigFile::new("kubernetes: {nodeName: ''}\n")?
        .check()?
        .success()?;
    assert_eq!(empty, default);
    Ok(())
}
