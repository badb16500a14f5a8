//! Under what conditions the BPF pass works, and what happens where it does not.

#[path = "cli/unprivileged.rs"]
mod unprivileged;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::exporter::{Builder, Exporter};
use kubeskoop_exporter_tests::lab::helper::Helper;
use kubeskoop_exporter_tests::lab::netns::Netns;
use kubeskoop_exporter_tests::lab::path::Path;
use kubeskoop_exporter_tests::lab::traffic;
use serde_json::Value;
use unprivileged::{OpenDirectory, as_nobody};

const EVERY_SCRAPE_COLLECTS: &str =
    "interval: 0\nmetrics: {probes: [tcp, netdev, udp, tcpsummary, io, fd]}\n";
/// Each of these has a pass and something that stands in for it.
const INSTEAD: [(&str, &str); 4] = [
    ("tcp", "procfs"),
    ("tcpsummary", "netlink"),
    ("io", "procfs"),
    ("fd", "procfs"),
];
const NOPORTS: &str = "kubeskoop_udp_noports";

/// What `/status` says of each probe: its source and the reason for it.
fn sources(exporter: &Exporter) -> Result<BTreeMap<String, (String, String)>> {
    exporter.scrape()?;
    let status: Value = serde_json::from_str(&exporter.get("/status")?.body)?;
    let probes = status["probes"].as_array().context("a list of probes")?;
    let source = |probe: &Value| {
        ensure!(probe["state"] == "up", "{probe}");
        let text = |key: &str| probe[key].as_str().unwrap_or_default().to_owned();
        Ok((text("name"), (text("source"), text("reason"))))
    };
    probes.iter().map(source).collect()
}

/// Files and netlink take over, the log and `/status` say why, and the numbers are there.
fn files_take_over(builder: Builder, why: &str) -> Result<()> {
    let exporter = builder.config(EVERY_SCRAPE_COLLECTS).start()?;
    let sources = sources(&exporter)?;
    for (probe, instead) in INSTEAD {
        let (source, reason) = &sources[probe];
        assert_eq!(source, instead, "{probe}: {reason}");
        assert!(reason.contains(why), "{probe}: {reason:?} does not say {why:?}");
    }
    assert!(
        exporter.log().contains(why),
        "the log does not say {why:?}: {}",
        exporter.log()
    );
    let host = exporter
        .scrape()?
        .value(NOPORTS, &[("k8s_pod", ""), ("netns", "")]);
    assert!(host.is_some(), "the numbers of the host");
    Ok(())
}

#[test]
fn with_only_cap_bpf_and_cap_perfmon_the_pass_works_for_another_user() -> Result<()> {
    let open = OpenDirectory::new()?;
    let netns = Netns::new("foreign")?;
    let _resident = netns.spawn_sleeper()?;
    netns.run(|| traffic::udp_to_closed_port(SocketAddr::from(([127, 0, 0, 1], 9)), 50))?;
    let capabilities = "+bpf,+perfmon";
    let wrapper = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        &format!("--bounding-set=-all,{capabilities}"),
        &format!("--inh-caps=-all,{capabilities}"),
        &format!("--ambient-caps=-all,{capabilities}"),
    ];
    let exporter = Exporter::builder()
        .binary(open.program())
        .wrap(wrapper)
        .config(EVERY_SCRAPE_COLLECTS)
        .start()?;
    Path::Pass.is_taken(&exporter)?;
    let metrics = exporter.scrape()?;
    let of_netns = [("netns", netns.name())];
    assert_eq!(metrics.value(NOPORTS, &of_netns), Some(50.0));
    // The device counters are read from files that anybody may read.
    assert!(metrics.value("kubeskoop_netdev_rxbytes", &of_netns).is_some());
    Ok(())
}

#[test]
fn without_capabilities_the_files_take_over_and_say_which_are_missing() -> Result<()> {
    let open = OpenDirectory::new()?;
    let builder = Exporter::builder().binary(open.program()).wrap(as_nobody());
    files_take_over(builder, "CAP_BPF and CAP_PERFMON are missing")
}

#[test]
fn in_a_pid_namespace_the_files_take_over_and_say_so() -> Result<()> {
    let wrapper = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];
    files_take_over(Exporter::builder().wrap(wrapper), "hostPID")
}

#[test]
fn where_seccomp_forbids_bpf_the_files_take_over_and_say_so() -> Result<()> {
    let without_bpf = Helper::compile("without_bpf")?;
    files_take_over(
        Exporter::builder().wrap([without_bpf.program()]),
        "forbidden by seccomp",
    )
}

#[test]
fn a_user_may_want_no_bpf() -> Result<()> {
    files_take_over(Exporter::builder().args(["--no-bpf"]), "--no-bpf")
}
