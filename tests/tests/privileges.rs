//! What the exporter can do with no more privileges than the manifests give it.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::apiserver::{ApiServer, InCluster, PodObject, new_uid};
use kubeskoop_exporter_tests::lab::containerd::{
    Cgroups, Container, Containerd, Options, PodExporter, PodSpec,
};
use kubeskoop_exporter_tests::lab::kustomize::{Objects, render};
use kubeskoop_exporter_tests::lab::wait::eventually;
use rustix::thread::CapabilitySet;
use serde_json::Value;

/// The probes that run unless the configuration names others.
const DEFAULT: [&str; 14] = [
    "conntrack",
    "io",
    "netdev",
    "packetloss",
    "qdisc",
    "sock",
    "softnet",
    "tcp",
    "tcpext",
    "tcpreset",
    "tcpretrans",
    "tcpsummary",
    "udp",
    "virtcmdlatency",
];
const SOON: Duration = Duration::from_secs(5);
const EVERY_SCRAPE_COLLECTS: &str = "interval: 0\ndebugMode: true\n";

/// Runs the exporter as manifests say, beside a pod whose namespace is not its own, and returns the states
/// of all its probes.
fn probes(manifests: &Objects, cgroups: Cgroups) -> Result<Vec<Value>> {
    let containerd = Containerd::start(cgroups)?;
    let (uid, other_uid) = (new_uid(), new_uid());
    let other = containerd.run(PodSpec::new("default", "other", &other_uid))?;
    other.start(&Container::pod(0, 0, 0))?;
    let exporter = PodExporter::start(
        &containerd,
        manifests,
        &uid,
        Options::config(EVERY_SCRAPE_COLLECTS),
    )?;
    is_confined(&exporter, manifests)?;
    exporter.wait_until_ready()?;
    // Some probes find out what they may do once there is a namespace to enter.
    exporter.scrape()?;
    let entities = exporter.json("/debug/entities")?;
    let found = entities.as_array().into_iter().flatten();
    ensure!(
        found
            .clone()
            .any(|entity| entity["pod_uid"] == other_uid.as_str()),
        "the other pod is not in {entities}"
    );
    let status = exporter.json("/status")?;
    status["probes"].as_array().cloned().context("a list of probes")
}

/// An error unless these are the default probes but for some, and each is up or not applicable.
fn are_fine(probes: &[Value], missing: &[&str]) -> Result<()> {
    for name in DEFAULT {
        let probe = probes.iter().find(|probe| probe["name"] == name);
        let state = probe.and_then(|probe| probe["state"].as_str());
        let is_expected = match state {
            None => missing.contains(&name),
            Some(state) => matches!(state, "up" | "not_applicable"),
        };
        ensure!(is_expected, "{name}: {probe:?}");
    }
    Ok(())
}

/// An error unless the process has the capabilities of the manifests, and all else that they say.
fn is_confined(exporter: &PodExporter<'_>, manifests: &Objects) -> Result<()> {
    let pid = exporter.pid()?;
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let field = |name: &str| {
        let mut lines = status.lines().filter_map(|line| line.split_once(":\t"));
        lines
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.to_owned())
    };
    let mut expected = 0;
    for capability in manifests.capabilities()? {
        expected |= bit(&capability)?;
    }
    for set in ["CapPrm", "CapEff", "CapBnd"] {
        let found = u64::from_str_radix(&field(set).context(set)?, 16)?;
        ensure!(found == expected, "{set} is {found:x}, not {expected:x}");
    }
    ensure!(
        field("Seccomp").as_deref() == Some("2"),
        "no seccomp profile: {status}"
    );
    ensure!(field("NoNewPrivs").as_deref() == Some("1"), "{status}");
    let mounts = fs::read_to_string(format!("/proc/{pid}/mountinfo"))?;
    let root = mounts.lines().find(|line| line.split(' ').nth(4) == Some("/"));
    let options = root.and_then(|line| line.split(' ').nth(5)).context("no root")?;
    ensure!(
        options.split(',').any(|option| option == "ro"),
        "the root is {options}"
    );
    Ok(())
}

/// The bit of a capability, whose name is without `CAP_`.
fn bit(capability: &str) -> Result<u64> {
    let set = CapabilitySet::from_name(capability);
    let set = set.with_context(|| format!("there is no capability {capability}"))?;
    Ok(set.bits())
}

#[test]
fn with_the_privileges_of_the_daemonset_every_default_probe_is_up_or_not_applicable() -> Result<()> {
    are_fine(&probes(&render("base", &[])?, Cgroups::V2)?, &[])
}

#[test]
fn the_same_with_control_groups_of_version_one() -> Result<()> {
    if !Cgroups::V1.is_here()? {
        println!("SKIP: no control groups of version 1 are mounted here");
        return Ok(());
    }
    are_fine(&probes(&render("base", &[])?, Cgroups::V1)?, &[])
}

#[test]
fn with_minimal_privilege_every_default_probe_but_qdisc_is_up_or_not_applicable() -> Result<()> {
    let manifests = render("base", &["minimal-privilege"])?;
    ensure!(!manifests.capabilities()?.contains(&"SYS_ADMIN".to_owned()));
    let probes = probes(&manifests, Cgroups::V2)?;
    are_fine(&probes, &["qdisc"])?;
    // The runtime's seccomp profile lets bpf() through with CAP_BPF alone.
    for name in ["tcp", "packetloss", "io", "tcpsummary"] {
        let probe = probes.iter().find(|probe| probe["name"] == name).context(name)?;
        ensure!(probe["source"] == "bpf", "{probe}");
    }
    Ok(())
}

#[test]
fn in_a_cgroup_namespace_of_its_own_it_finds_its_own_pod_and_the_others() -> Result<()> {
    let containerd = Containerd::start(Cgroups::V2)?;
    let server = ApiServer::start_tls()?;
    let account = InCluster::of(&server)?;
    let (uid, other_uid) = (new_uid(), new_uid());
    let own = PodObject::new("kubeskoop", "exporter")
        .with_uid(&uid)
        .node("node");
    server.add(&own.host_network(true));
    server.add(&PodObject::new("shop", "till").with_uid(&other_uid).node("node"));
    let other = containerd.run(PodSpec::new("shop", "till", &other_uid))?;
    other.start(&Container::pod(0, 0, 0))?;

    let config = format!("{EVERY_SCRAPE_COLLECTS}metrics: {{ probes: [{{ name: udp }}, {{ name: fd }}] }}\n");
    let options = Options::config(&config).account(&account);
    let exporter = PodExporter::start(&containerd, &render("base", &[])?, &uid, options)?;
    let namespace = |process: &str| fs::read_link(format!("/proc/{process}/ns/cgroup"));
    ensure!(namespace(&exporter.pid()?.to_string())? != namespace("self")?);
    exporter.wait_until_ready()?;
    eventually(SOON, || {
        let metrics = exporter.scrape()?;
        let has = |metric: &str, namespace: &str, pod: &str| {
            metrics
                .value(metric, &[("k8s_namespace", namespace), ("k8s_pod", pod)])
                .is_some()
        };
        Ok(has("kubeskoop_fd_openfd", "kubeskoop", "exporter")
            && has("kubeskoop_fd_openfd", "shop", "till")
            && has("kubeskoop_udp_noports", "shop", "till"))
    })
    .with_context(|| exporter.log())
}
