//! Pods that a container runtime runs, and an API server that names them.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use kubeskoop_exporter_tests::lab::apiserver::{ApiServer, InCluster, PodObject, new_uid};
use kubeskoop_exporter_tests::lab::containerd::{
    Cgroups, Container, Containerd, Options, Pod, PodExporter, PodSpec,
};
use kubeskoop_exporter_tests::lab::kustomize::render;
use kubeskoop_exporter_tests::lab::metrics::Metrics;
use kubeskoop_exporter_tests::lab::process::{Pid, Signal, kill_process};
use kubeskoop_exporter_tests::lab::wait::eventually;

const CONFIG: &str = "\
interval: 0
debugMode: true
kubernetes: { enabled: true }
metrics: { probes: [{ name: udp }, { name: tcp }, { name: netdev }, { name: io }, { name: fd }] }
";
const NOPORTS: &str = "kubeskoop_udp_noports";
const OPEN: &str = "kubeskoop_fd_openfd";
const WRITES: &str = "kubeskoop_io_writesyscall";
const SOON: Duration = Duration::from_secs(5);

/// A node: a container runtime, an API server and the exporter as the manifests install it.
struct Node {
    server: ApiServer,
    account: InCluster,
    containerd: Containerd,
}

/// A pod with one container, known to the API server.
struct Work<'a> {
    object: PodObject,
    pod: Pod<'a>,
    container: String,
}

impl Node {
    fn start(cgroups: Cgroups) -> Result<Self> {
        let server = ApiServer::start_tls()?;
        Ok(Self {
            account: InCluster::of(&server)?,
            server,
            containerd: Containerd::start(cgroups)?,
        })
    }

    fn exporter(&self) -> Result<PodExporter<'_>> {
        let uid = new_uid();
        let own = PodObject::new("kubeskoop", "exporter")
            .with_uid(&uid)
            .node("node");
        self.server.add(&own.host_network(true));
        let options = Options::config(CONFIG).account(&self.account);
        let exporter = PodExporter::start(&self.containerd, &render("base", &[])?, &uid, options)?;
        exporter.wait_until_ready()?;
        Ok(exporter)
    }

    fn work(&self, spec: PodSpec, container: &Container) -> Result<Work<'_>> {
        let pod = self.containerd.run(spec)?;
        let spec = pod.spec();
        let object = PodObject::new(&spec.namespace, &spec.name)
            .with_uid(&spec.uid)
            .node("node")
            .ip(&pod.ip()?)
            .host_network(spec.host_network);
        self.server.add(&object);
        Ok(Work {
            container: pod.start(container)?,
            object,
            pod,
        })
    }
}

impl Work<'_> {
    /// Has it send its datagrams and write its bytes.
    fn burst(&self) -> Result<()> {
        let pid = Pid::from_raw(self.pod.pid(&self.container)?.cast_signed()).context("a process")?;
        kill_process(pid, Signal::USR1).context("cannot signal")
    }

    fn labels(&self) -> [(&str, &str); 2] {
        [
            ("k8s_namespace", self.object.namespace()),
            ("k8s_pod", self.object.name()),
        ]
    }

    fn value(&self, metrics: &Metrics, metric: &str) -> Option<f64> {
        metrics.value(metric, &self.labels())
    }

    /// What the kernel shows of all its processes, that of the sandbox included.
    fn open_files(&self) -> Result<usize> {
        let mut open = 0;
        for pid in self.pod.pids()? {
            open += fs::read_dir(format!("/proc/{pid}/fd"))?.count();
        }
        Ok(open)
    }
}

/// A scrape as soon as `holds` of it.
fn scrape_when(exporter: &PodExporter<'_>, holds: impl Fn(&Metrics) -> bool) -> Result<Metrics> {
    let mut last = exporter.scrape()?;
    let waited = eventually(SOON, || {
        last = exporter.scrape()?;
        Ok(holds(&last))
    });
    if let Err(error) = waited {
        let status = exporter.get("/status")?.body;
        bail!("{error:#}, status {status}, log:\n{}", exporter.log());
    }
    Ok(last)
}

#[expect(clippy::cast_precision_loss, reason = "a few files")]
fn each_pod_has_its_own_numbers_under_its_own_name(cgroups: Cgroups) -> Result<()> {
    let node = Node::start(cgroups)?;
    let shop = node.work(
        PodSpec::new("shop", "till", &new_uid()),
        &Container::pod(11, 30, 100),
    )?;
    let bank = node.work(
        PodSpec::new("bank", "till", &new_uid()),
        &Container::pod(23, 70, 300),
    )?;
    let exporter = node.exporter()?;
    let before = scrape_when(&exporter, |metrics| {
        [&shop, &bank]
            .iter()
            .all(|pod| pod.value(metrics, NOPORTS) == Some(0.0))
    })?;
    shop.burst()?;
    bank.burst()?;
    let after = scrape_when(&exporter, |metrics| {
        let written = |pod: &Work<'_>| pod.value(metrics, WRITES) > pod.value(&before, WRITES);
        shop.value(metrics, NOPORTS) == Some(30.0)
            && bank.value(metrics, NOPORTS) == Some(70.0)
            && written(&shop)
            && written(&bank)
    })?;
    for (pod, writes) in [(&shop, 100.0), (&bank, 300.0)] {
        let grown =
            pod.value(&after, WRITES).context("writes")? - pod.value(&before, WRITES).context("writes")?;
        ensure!((grown - writes).abs() < 0.5, "{grown} writes instead of {writes}");
        assert_eq!(pod.value(&after, OPEN), Some(pod.open_files()? as f64));
        let ip = pod.pod.ip()?;
        let info = [
            ("k8s_pod", "till"),
            ("pod_ip", &ip),
            ("pod_uid", &pod.pod.spec().uid),
        ];
        assert_eq!(after.value("kubeskoop_pod_info", &info), Some(1.0), "{info:?}");
    }
    Ok(())
}

fn a_pod_that_is_deleted_and_recreated_is_followed(cgroups: Cgroups) -> Result<()> {
    let node = Node::start(cgroups)?;
    let exporter = node.exporter()?;
    let container = Container::pod(0, 30, 0);
    let first = node.work(PodSpec::new("shop", "till-0", &new_uid()), &container)?;
    scrape_when(&exporter, |metrics| first.value(metrics, NOPORTS) == Some(0.0))?;
    first.burst()?;
    scrape_when(&exporter, |metrics| first.value(metrics, NOPORTS) == Some(30.0))?;

    let Work { object, pod, .. } = first;
    drop(pod);
    node.server.delete(&object)?;
    scrape_when(&exporter, |metrics| families_of(metrics, "till-0").is_empty())?;

    let second = node.work(PodSpec::new("shop", "till-0", &new_uid()), &container)?;
    scrape_when(&exporter, |metrics| second.value(metrics, NOPORTS) == Some(0.0))?;
    second.burst()?;
    scrape_when(&exporter, |metrics| second.value(metrics, NOPORTS) == Some(30.0))?;
    Ok(())
}

fn a_pod_of_the_host_network_has_io_and_fd_and_no_network_series(cgroups: Cgroups) -> Result<()> {
    let node = Node::start(cgroups)?;
    let spec = PodSpec::new("system", "agent", &new_uid()).on_host_network();
    let agent = node.work(spec, &Container::pod(17, 20, 200))?;
    let exporter = node.exporter()?;
    let before = scrape_when(&exporter, |metrics| agent.value(metrics, OPEN) > Some(17.0))?;
    agent.burst()?;
    let after = scrape_when(&exporter, |metrics| {
        agent.value(metrics, WRITES) >= agent.value(&before, WRITES).map(|writes| writes + 200.0)
    })?;
    let of_its_own = |name: &String| {
        ["kubeskoop_io_", "kubeskoop_fd_", "kubeskoop_pod_info"]
            .iter()
            .any(|start| name.starts_with(start))
    };
    let families = families_of(&after, "agent");
    ensure!(
        families.len() > 5 && families.iter().all(of_its_own),
        "{families:?}"
    );
    let info = [("k8s_pod", "agent"), ("host_network", "true")];
    assert_eq!(after.value("kubeskoop_pod_info", &info), Some(1.0));
    // What it sends is the host's.
    let host = [("k8s_namespace", ""), ("k8s_pod", "")];
    let sent = |metrics: &Metrics| metrics.value(NOPORTS, &host).context("the host");
    ensure!(
        sent(&after)? - sent(&before)? > 19.5,
        "{} and {}",
        sent(&before)?,
        sent(&after)?
    );
    Ok(())
}

/// The metrics that have series of a pod.
fn families_of(metrics: &Metrics, pod: &str) -> Vec<String> {
    let has_it = metrics.families().iter().filter(|family| {
        family
            .samples
            .iter()
            .any(|sample| sample.label("k8s_pod") == Some(pod))
    });
    has_it.map(|family| family.name.clone()).collect()
}

/// Makes two tests of each function: one for each version of control groups.
macro_rules! with_both_versions {
    ($($test:ident),* $(,)?) => {
        mod by_version_one {
            $(#[test]
            fn $test() -> anyhow::Result<()> {
                if !super::Cgroups::V1.is_here()? {
                    println!("SKIP: no control groups of version 1 are mounted here");
                    return Ok(());
                }
                super::$test(super::Cgroups::V1)
            })*
        }
        mod by_version_two {
            $(#[test]
            fn $test() -> anyhow::Result<()> {
                super::$test(super::Cgroups::V2)
            })*
        }
    };
}

with_both_versions! {
    each_pod_has_its_own_numbers_under_its_own_name,
    a_pod_that_is_deleted_and_recreated_is_followed,
    a_pod_of_the_host_network_has_io_and_fd_and_no_network_series,
}
