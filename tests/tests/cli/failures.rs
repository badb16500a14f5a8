//! What keeps the exporter from running, and what it says then.

use std::ffi::OsStr;
use std::net::TcpListener;

use anyhow::{Result, ensure};

use crate::run::{ConfigFile, exporter};

const RUNNING: i32 = 1;
const CONFIGURATION: i32 = 2;

#[test]
fn a_port_that_is_taken_is_named_with_what_to_do() -> Result<()> {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let errors = exporter(["serve", "--bind", &address])?.failure(RUNNING)?;
    let expected = format!(
        "kubeskoop-exporter: cannot listen on {address}: Address already in use (os error 98); another process \
         listens there: end it, or choose another address with --bind or the key address\n"
    );
    ensure!(errors.ends_with(&expected), "{errors}");
    Ok(())
}

#[test]
fn an_address_that_cannot_be_had_is_named_with_the_reason() -> Result<()> {
    for (address, reason) in [
        ("192.0.2.1:9102", "no device of this host has this address"),
        ("unix:///nonexistent/exporter.sock", "No such file or directory"),
        ("unix:///proc/exporter.sock", "No such file or directory"),
    ] {
        let errors = exporter(["serve", "--bind", address])?.failure(RUNNING)?;
        ensure!(
            errors.contains(&format!("cannot listen on {address}: ")) && errors.contains(reason),
            "{errors}"
        );
    }
    Ok(())
}

#[test]
fn a_file_that_is_missing_is_named() -> Result<()> {
    for command in [
        &["serve", "--config"][..],
        &["check-config"],
        &["list", "probes", "--config"],
    ] {
        let arguments = command.iter().chain(&["/nonexistent/config.yaml"]);
        assert_eq!(
            exporter(arguments)?.failure(CONFIGURATION)?,
            "kubeskoop-exporter: /nonexistent/config.yaml: cannot be read: No such file or directory (os error 2)\n"
        );
    }
    Ok(())
}

#[test]
fn a_directory_in_place_of_the_file_is_named() -> Result<()> {
    let errors = exporter(["serve", "--config", "/proc"])?.failure(CONFIGURATION)?;
    ensure!(
        errors.starts_with("kubeskoop-exporter: /proc: cannot be read: "),
        "{errors}"
    );
    Ok(())
}

#[test]
fn what_is_wrong_in_the_file_is_named_with_line_and_key() -> Result<()> {
    for (yaml, line, reason) in [
        (
            "verbose: true\ninterval: often\n",
            2,
            "interval: expected a duration such as 5s, 500ms or 1m, or a number of seconds, of at most 1h, found \"often\"",
        ),
        (
            "interval: 2h\n",
            1,
            "interval: expected a duration such as 5s, 500ms or 1m, or a number of seconds, of at most 1h, found \"2h\"",
        ),
        (
            "debugMode: [1]\n",
            1,
            "debugMode: expected true or false, found a list",
        ),
        (
            "port: 70000\n",
            1,
            "port: expected a whole number from 1 to 65535, found \"70000\"",
        ),
        (
            "address: 9102\n",
            1,
            "address: expected host:port, [v6]:port, :port or unix:///path, found \"9102\"",
        ),
        (
            "metrics:\n  maxSeries: -1\n",
            2,
            "metrics.maxSeries: expected a whole number from 1 to 100000000, found \"-1\"",
        ),
        (
            "metrics:\n  probes: {tcp: true}\n",
            2,
            "metrics.probes: expected a list, found a mapping",
        ),
        (
            "metrics:\n  probes:\n  - name: netdev\n    args: {devices: {include: ['eth[']}}\n",
            4,
            "metrics.probes[0].args.devices.include[0]: no pattern: unclosed character class; missing ']'",
        ),
        (
            "metrics:\n  additionalLabels:\n  - 1st=x\n",
            3,
            "metrics.additionalLabels[0]: \"1st\" is no label name: expected letters, digits and underscores",
        ),
        (
            "metrics:\n  additionalLabels:\n  - a=${name}\n",
            3,
            "metrics.additionalLabels[0]: expected ${labels:<pod label>}, found ${name}",
        ),
        (
            "metrics:\n  additionalLabels: [a=1, a=2]\n",
            2,
            "metrics.additionalLabels[1]: the label \"a\" is given twice",
        ),
        (
            "kubernetes: {enabled: maybe}\n",
            1,
            "kubernetes.enabled: expected auto, true or false, found \"maybe\"",
        ),
        (
            "kubernetes: yes\n",
            1,
            "kubernetes: expected a mapping, found \"yes\"",
        ),
        (
            "debugMode: false\nbpfHooks: fexit\n",
            2,
            "bpfHooks: expected auto, fentry, kprobe, tp_btf or raw_tp, found \"fexit\"",
        ),
        (
            "metric_config:\n  interval: -5\n",
            2,
            "metric_config.interval: expected a duration such as 5s, 500ms or 1m, or a number of seconds, of at most 1h, found \"-5\"",
        ),
        (
            "verbose: true\n---\nverbose: false\n",
            3,
            "expected one YAML document, found a second",
        ),
        ("- verbose\n", 1, "expected a mapping, found a list"),
        (
            "a:\n\tb: 2\n",
            2,
            "not valid YAML: tabs disallowed within this context (block indentation)",
        ),
    ] {
        is_refused(yaml, line, reason)?;
    }
    Ok(())
}

#[test]
fn what_is_wrong_in_the_arguments_of_a_probe_is_named_with_line_and_key() -> Result<()> {
    for (yaml, line, reason) in [
        (
            "metrics:\n  probes:\n    - name: softirq\n      args: {softirq-types: [net_rx, tea]}\n",
            4,
            "metrics.probes[0].args.softirq-types[1]: expected one of hi, timer, net_tx, net_rx, block, irq_poll, tasklet, sched, hrtimer, rcu, found \"tea\"",
        ),
        (
            "metrics:\n  probes:\n    - name: socketlatency\n      args: {buckets: some}\n",
            4,
            "metrics.probes[0].args.buckets: expected full, found \"some\"",
        ),
    ] {
        is_refused(yaml, line, reason)?;
    }
    Ok(())
}

/// By `check-config` and by `serve`, in the same words.
fn is_refused(yaml: &str, line: usize, reason: &str) -> Result<()> {
    let file = ConfigFile::new(yaml)?;
    let expected = format!("kubeskoop-exporter: {}{reason}\n", file.line(line));
    assert_eq!(file.check()?.failure(CONFIGURATION)?, expected, "{yaml:?}");
    let path = file.path();
    let served = exporter([OsStr::new("serve"), OsStr::new("--config"), path.as_os_str()])?;
    assert_eq!(served.failure(CONFIGURATION)?, expected, "{yaml:?}");
    Ok(())
}

#[test]
fn a_file_that_is_no_text_is_refused() -> Result<()> {
    let file = ConfigFile::new(b"verbose: \xff\xfe\n")?;
    let errors = file.check()?.failure(CONFIGURATION)?;
    ensure!(errors.contains("config.yaml: cannot be read: "), "{errors}");
    Ok(())
}

/// To serve in the open what somebody has asked to protect would be worse than not to start.
#[test]
fn protection_that_cannot_be_given_is_refused_with_its_line() -> Result<()> {
    for (yaml, key) in [
        ("server:\n  tls:\n    certFile: /cert.pem\n", "tls"),
        ("server:\n  basicAuth:\n    username: admin\n", "basicAuth"),
        ("SERVER:\n  BASICAUTH:\n    - a: b\n", "basicAuth"),
    ] {
        let file = ConfigFile::new(yaml)?;
        let expected = format!(
            "kubeskoop-exporter: {}server.{key}: not supported by this version, which would serve without this \
             protection\n",
            file.line(3)
        );
        assert_eq!(file.check()?.failure(CONFIGURATION)?, expected);
        let path = file.path();
        let served = exporter([OsStr::new("serve"), OsStr::new("--config"), path.as_os_str()])?;
        assert_eq!(served.failure(CONFIGURATION)?, expected);
    }
    Ok(())
}

#[test]
fn a_command_line_that_is_not_understood_says_which_part() -> Result<()> {
    for (arguments, reason) in [
        (
            &["--frequency", "5"][..],
            "unexpected argument '--frequency' found",
        ),
        (
            &["serve", "--no-such-flag"],
            "unexpected argument '--no-such-flag' found",
        ),
        (&["server"], "unrecognized subcommand 'server'"),
        (&["list"], "<WHAT>"),
        (&["list", "pods"], "[possible values: probes, metrics, entities]"),
        (&["check-config"], "<FILE>"),
        (
            &["serve", "--bind", "9102"],
            "invalid value '9102' for '--bind <ADDR>': expected host:port, [v6]:port, :port or unix:///path",
        ),
        (
            &["serve", "--without-probe", "teapot"],
            "--without-probe: there is no probe \"teapot\"",
        ),
        (
            &["serve", "--procfs", "/nonexistent"],
            "--procfs: no proc filesystem is mounted at /nonexistent",
        ),
    ] {
        let errors = exporter(arguments)?.failure(CONFIGURATION)?;
        ensure!(errors.contains(reason), "{arguments:?}: {errors}");
    }
    Ok(())
}
