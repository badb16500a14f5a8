//! What the exporter can do with no more privileges than the manifests give it.

use std::fs;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::apiserver::{ApiServer, InCluster, PodObject, new_uid};
use kubeskoop_exporter_tests::lab::containerd::{
    Cgroups, Container, Containerd, Options, PodExporter, PodSpec,
};
use kubeskoop_exporter_tests::lab::kustomize::{Objects, render};
use kubeskoop_exporter_tests::lab::wait::eventually;
use serde_json::Value;

const EVERY_SCRAPE_COLLECTS: &str = "interval: 0\ndebugMode: true\n";

/// Runs the exporter as manifests say, beside a pod whose namespace is not its own, and returns the states
/// of all probes but those that are up or not applicable.
fn probes_that_fail(manifests: &Objects, cgroups: Cgroups) -> Result<Vec<Value>> {
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
    let probes = status["probes"].as_array().context("a list of probes")?;
    ensure!(probes.len() >= 14, "not the default probes: {status}");
    let is_fine = |probe: &&Value| probe["state"] == "up" || probe["state"] == "not_applicable";
    Ok(probes.iter().filter(|probe| !is_fine(probe)).cloned().collect())
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
        expected |= 1_u64 << number(&capability)?;
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

/// The number of a capability, which is without `CAP_`.
fn number(capability: &str) -> Result<u32> {
    let header = ["CAP_", capability].concat();
    let numbers = [
        ("CAP_DAC_READ_SEARCH", 2),
        ("CAP_NET_ADMIN", 12),
        ("CAP_NET_RAW", 13),
        ("CAP_SYS_PTRACE", 19),
        ("CAP_SYS_ADMIN", 21),
        ("CAP_SYS_RESOURCE", 24),
        ("CAP_SYSLOG", 34),
        ("CAP_PERFMON", 38),
        ("CAP_BPF", 39),
    ];
    let found = numbers.iter().find(|(name, _)| *name == header);
    found
        .map(|(_, number)| *number)
        .with_context(|| format!("the tests do not know {header}"))
}

#[test]
fn with_the_privileges_of_the_daemonset_every_default_probe_is_up_or_not_applicable() -> Result<()> {
    let failing = probes_that_fail(&render("base", &[])?, Cgroups::V2)?;
    ensure!(failing.is_empty(), "{failing:?}");
    Ok(())
}

#[test]
fn the_same_with_control_groups_of_version_one() -> Result<()> {
    if !Cgroups::V1.is_here()? {
        println!("SKIP: no hierarchy of version 1 is mounted here");
        return Ok(());
    }
    let failing = probes_that_fail(&render("base", &[])?, Cgroups::V1)?;
    ensure!(failing.is_empty(), "{failing:?}");
    Ok(())
}

#[test]
fn with_minimal_privilege_every_default_probe_but_qdisc_is_up_or_not_applicable() -> Result<()> {
    let manifests = render("base", &["minimal-privilege"])?;
    ensure!(!manifests.capabilities()?.contains(&"SYS_ADMIN".to_owned()));
    let failing = probes_that_fail(&manifests, Cgroups::V2)?;
    let others: Vec<_> = failing.iter().filter(|probe| probe["name"] != "qdisc").collect();
    ensure!(others.is_empty(), "{others:?}");
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
    eventually(std::time::Duration::from_secs(5), || {
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
