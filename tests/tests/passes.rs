//! Under what conditions the BPF pass works, and what happens where it does not.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::command::output;
use kubeskoop_exporter_tests::lab::configmap::ConfigMap;
use kubeskoop_exporter_tests::lab::exporter::{Builder, Exporter};
use kubeskoop_exporter_tests::lab::helper::Helper;
use kubeskoop_exporter_tests::lab::netns::Netns;
use kubeskoop_exporter_tests::lab::path::Path;
use kubeskoop_exporter_tests::lab::traffic;
use kubeskoop_exporter_tests::lab::unprivileged::{OpenDirectory, as_nobody};
use kubeskoop_exporter_tests::lab::wait::eventually;
use serde_json::Value;

const EVERY_SCRAPE_COLLECTS: &str =
    "interval: 0\nmetrics: {probes: [tcp, netdev, udp, tcpsummary, io, fd]}\n";
/// Each of these has a pass and something that stands in for it.
const INSTEAD: [(&str, &str); 4] = [
    ("tcp", "procfs"),
    ("tcpsummary", "netlink"),
    ("io", "procfs"),
    ("fd", "procfs"),
];
const SOON: Duration = Duration::from_secs(20);
const NOPORTS: &str = "kubeskoop_udp_noports";

/// What `/status` says of each probe: its source and the reason for it.
fn sources(exporter: &Exporter) -> Result<BTreeMap<String, (String, String)>> {
    exporter.scrape()?;
    let status = exporter.status()?;
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

/// Runs what follows with `script` done before in a mount namespace of its own, where `$$` is its pid.
fn prepared(script: &str) -> [String; 6] {
    let script = format!("{script} && exec \"$@\"");
    ["unshare", "--mount", "bash", "-c", &script, "bash"].map(str::to_owned)
}

fn sources_are(exporter: &Exporter, expected: &[(&str, &str)]) -> Result<bool> {
    let sources = sources(exporter)?;
    Ok(expected
        .iter()
        .all(|(probe, source)| sources[*probe].0 == *source))
}

/// A file of the exporter's own that says something else than the kernel does, so that it looks as if
/// a pass were wrong. `lies` are the probes that must not trust it then.
fn a_pass_that_differs_is_not_used(file: &str, fake: &std::path::Path, lies: &[(&str, &str)]) -> Result<()> {
    let mut config = ConfigMap::new(EVERY_SCRAPE_COLLECTS)?;
    let mount = format!("mount --bind {} /proc/$$/{file}", fake.display());
    let exporter = Exporter::builder()
        .wrap(prepared(&mount))
        .config_dir(&config)
        .start()?;
    for (probe, (source, reason)) in sources(&exporter)? {
        let lie = lies.iter().find(|(name, _)| *name == probe);
        let is_passed = INSTEAD.iter().any(|(name, _)| *name == probe);
        match lie {
            Some((_, instead)) => {
                assert_eq!(source, *instead, "{probe}: {reason}");
                ensure!(reason.contains("not trusted"), "{probe}: {reason}");
            }
            None if is_passed => assert_eq!(source, "bpf", "{probe}: {reason}"),
            None => {}
        }
    }
    ensure!(exporter.log().contains("not trusted"), "{}", exporter.log());
    // It is tried again when the configuration changes, and every few minutes.
    let pid = exporter.pid();
    output(Command::new("nsenter").args([
        &format!("--mount=/proc/{pid}/ns/mnt"),
        "umount",
        &format!("/proc/{pid}/{file}"),
    ]))?;
    config.swap(&format!("{EVERY_SCRAPE_COLLECTS}debugMode: true\n"))?;
    let by_pass = INSTEAD.map(|(probe, _)| (probe, "bpf"));
    eventually(SOON, || sources_are(&exporter, &by_pass)).with_context(|| exporter.log())
}

#[test]
fn a_difference_in_one_probe_switches_that_probe_and_no_other_and_back_when_it_is_gone() -> Result<()> {
    let mut fake = tempfile::NamedTempFile::new()?;
    write!(
        fake,
        "rchar: 1\nwchar: 1\nsyscr: 1\nsyscw: 1\nread_bytes: 1\nwrite_bytes: 1\ncancelled_write_bytes: 1\n"
    )?;
    a_pass_that_differs_is_not_used("io", fake.path(), &[("io", "procfs")])
}

#[test]
fn a_file_pass_that_differs_is_not_used_until_the_difference_is_gone() -> Result<()> {
    let fake = tempfile::tempdir()?;
    std::os::unix::fs::symlink("socket:[1]", fake.path().join("0"))?;
    let lies = [("tcpsummary", "netlink"), ("fd", "procfs")];
    a_pass_that_differs_is_not_used("fd", fake.path(), &lies)
}

#[test]
fn a_map_that_is_too_small_is_counted_and_grown_within_the_collection() -> Result<()> {
    const CONNECTIONS: u32 = 3000;
    let netns = Netns::new("shared")?;
    let connections = Helper::compile("connections")?;
    let exporter = Path::Pass.exporter(EVERY_SCRAPE_COLLECTS)?;
    let mut command = Command::new(connections.program());
    command.args([&CONNECTIONS.to_string(), "2", "0"]);
    let (running, _) = netns.run(|| Helper::start(&mut command))?;
    let full = || {
        let scrape = exporter.scrape()?;
        let established = scrape.value(
            "kubeskoop_tcpsummary_tcpestablishedconn",
            &[("netns", netns.name())],
        );
        // Both ends of each, and each end once though two processes hold it.
        assert_eq!(established, Some(f64::from(CONNECTIONS) * 2.0));
        scrape
            .value("kubeskoop_exporter_map_full_total", &[("probe", "tcpsummary")])
            .context("no count of what found no room")
    };
    let first = full()?;
    ensure!(first > 0.0, "{CONNECTIONS} connections find room at once");
    assert!((full()? - first).abs() < 0.5, "the map stays as large");
    running.finish()
}
