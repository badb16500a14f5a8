//! How the control group of a pod is called, which depends on who makes it, and the pod's name.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use kubeskoop_exporter_tests::lab::apiserver::{ApiServer, Kubeconfig, PodObject, new_uid};
use kubeskoop_exporter_tests::lab::cgroup::Cgroup;
use kubeskoop_exporter_tests::lab::netns::Netns;
use kubeskoop_exporter_tests::lab::path::Path;
use kubeskoop_exporter_tests::lab::process::Guard;
use kubeskoop_exporter_tests::lab::traffic;
use kubeskoop_exporter_tests::lab::wait::eventually;
use kubeskoop_exporter_tests::on_both_paths;

const CONFIG: &str = "interval: 0\ndebugMode: true\nkubernetes: { enabled: true }\n";
const SOON: Duration = Duration::from_secs(5);

/// A pod of one process.
struct Pod {
    _process: Guard,
    _cgroup: Cgroup,
    netns: Netns,
    object: PodObject,
}

impl Pod {
    fn start(name: &str, make: impl FnOnce(&str) -> Result<Cgroup>) -> Result<Self> {
        let uid = new_uid();
        let (netns, cgroup) = (Netns::new("pod")?, make(&uid)?);
        let process = netns.spawn_sleeper()?;
        cgroup.add(process.pid())?;
        let object = PodObject::new("styles", name).with_uid(&uid).node("node");
        Ok(Self {
            _process: process,
            _cgroup: cgroup,
            netns,
            object,
        })
    }
}

/// As a kubelet that drives the groups itself has them made.
fn by_cgroupfs(uid: &str) -> String {
    let container = "c9".repeat(32);
    format!("kubepods/burstable/pod{uid}/{container}")
}

/// As systemd makes them.
fn by_systemd(uid: &str) -> String {
    let (pod, container) = (uid.replace('-', "_"), "5d".repeat(32));
    let slice = "kubepods-burstable";
    format!("kubepods.slice/{slice}.slice/{slice}-pod{pod}.slice/cri-containerd-{container}.scope")
}

fn a_pod_has_its_name_in_both_styles_of_control_groups_and_in_both_versions(path: Path) -> Result<()> {
    let mut pods = vec![
        Pod::start("cgroupfs", |uid| Cgroup::new(by_cgroupfs(uid)))?,
        Pod::start("systemd", |uid| Cgroup::new(by_systemd(uid)))?,
    ];
    if Cgroup::has_version_one()? {
        pods.push(Pod::start("cgroupfs-v1", |uid| {
            Cgroup::v1("memory", by_cgroupfs(uid))
        })?);
        pods.push(Pod::start("systemd-v1", |uid| {
            Cgroup::v1("memory", by_systemd(uid))
        })?);
    } else {
        println!(
            "SKIP: no control groups of version 1 are mounted here, so those of version 2 alone are seen"
        );
    }
    let server = ApiServer::start()?;
    for pod in &pods {
        server.add(&pod.object);
    }
    let kubeconfig = Kubeconfig::with_token_file(&server)?;
    let exporter = path
        .builder()
        .config(CONFIG)
        .env("KUBECONFIG", kubeconfig.path())
        .env("NODE_NAME", "node")
        .start()?;
    path.is_taken(&exporter)?;
    for (number, pod) in (1..).zip(&pods) {
        let closed = SocketAddr::from(([127, 0, 0, 1], 9));
        pod.netns
            .run(|| traffic::udp_to_closed_port(closed, 10 * number))?;
        let labels = [("k8s_namespace", "styles"), ("k8s_pod", pod.object.name())];
        let mut found = None;
        eventually(SOON, || {
            found = exporter.scrape()?.number("kubeskoop_udp_noports", &labels).ok();
            Ok(found.is_some())
        })
        .with_context(|| format!("{labels:?}, log:\n{}", exporter.log()))?;
        assert_eq!(found, u64::try_from(10 * number).ok(), "{labels:?}");
    }
    Ok(())
}

on_both_paths! { a_pod_has_its_name_in_both_styles_of_control_groups_and_in_both_versions }
