//! Without capabilities: what can be served is, and what cannot is said.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::netns::Netns;

use crate::run::ended;
use kubeskoop_exporter_tests::lab::unprivileged::{OpenDirectory, as_nobody};

/// What the log is to say after the start.
const SOON: Duration = Duration::from_secs(10);
const MISSING: &str = "CAP_SYS_PTRACE is missing";

#[test]
fn the_host_is_served_and_the_missing_capability_named() -> Result<()> {
    let directory = OpenDirectory::new()?;
    let mut exporter = Exporter::builder()
        .binary(directory.program())
        .wrap(as_nobody())
        .start()?;
    let metrics = exporter.scrape()?;
    for probe in ["tcp", "udp", "tcpext", "netdev", "sock", "softnet"] {
        let up = metrics.value("kubeskoop_exporter_probe_up", &[("probe", probe)]);
        assert_eq!(up, Some(1.0), "{probe}");
    }
    let host = metrics.value("kubeskoop_tcp_insegs", &[("netns", "")]);
    ensure!(host.is_some_and(|segments| segments > 0.0), "{host:?}");

    exporter.wait_for_log(MISSING, SOON)?;
    let status = exporter.status()?;
    let problems = status["problems"].as_array().context("no problems")?;
    ensure!(
        problems
            .iter()
            .any(|problem| problem.as_str().is_some_and(|text| text.contains(MISSING))),
        "{problems:?}"
    );
    let (ended, _) = exporter.terminate()?;
    ensure!(ended.success(), "{ended}");
    Ok(())
}

#[test]
fn lists_name_the_missing_capability() -> Result<()> {
    let directory = OpenDirectory::new()?;
    for what in ["probes", "entities"] {
        let mut command = Command::new("setpriv");
        command
            .args(&as_nobody()[1..])
            .arg(directory.program())
            .args(["list", what]);
        let ended = ended(&mut command)?;
        ensure!(
            ended
                .errors
                .lines()
                .any(|line| line.starts_with("warning: ") && line.contains(MISSING)),
            "{ended:?}"
        );
        ended.success()?;
    }
    Ok(())
}

/// A namespace that holds no process can only be read from inside.
#[test]
fn a_namespace_that_cannot_be_entered_is_counted_and_its_capability_named() -> Result<()> {
    let netns = Netns::new("closed")?;
    let directory = OpenDirectory::new()?;
    let exporter = Exporter::builder()
        .binary(directory.program())
        .wrap(as_nobody())
        .start()?;
    let metrics = exporter.scrape()?;
    let of_netns = [("netns", netns.name())];
    ensure!(metrics.matching("kubeskoop_tcp_insegs", &of_netns).is_empty());
    let status = exporter.get("/status")?.body;
    ensure!(
        status.contains("network namespaces without a process cannot be entered: CAP_SYS_ADMIN is missing"),
        "{status}"
    );
    Ok(())
}

/// A port below 1024.
#[test]
fn a_port_that_needs_a_capability_says_so() -> Result<()> {
    let netns = Netns::new("low-port")?;
    let directory = OpenDirectory::new()?;
    let mut command = netns.command("setpriv");
    command
        .args(&as_nobody()[1..])
        .arg(directory.program())
        .args(["serve", "--bind", "127.0.0.1:80"]);
    let errors = ended(&mut command)?.failure(1)?;
    ensure!(
        errors.contains("cannot listen on 127.0.0.1:80: Permission denied (os error 13); a port below 1024 needs CAP_NET_BIND_SERVICE"),
        "{errors}"
    );
    Ok(())
}
