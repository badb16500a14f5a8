//! A node with an API server that knows its pods.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::apiserver::{ApiServer, Kubeconfig, PodObject};
use kubeskoop_exporter_tests::lab::exporter::{Builder, Exporter};
use kubeskoop_exporter_tests::lab::metrics::Metrics;
use kubeskoop_exporter_tests::lab::netns::Netns;
use kubeskoop_exporter_tests::lab::node::Node;
use kubeskoop_exporter_tests::lab::path::Path;
use kubeskoop_exporter_tests::lab::pod::{self, Pod};
use kubeskoop_exporter_tests::lab::traffic;
use kubeskoop_exporter_tests::lab::wait::eventually;

pub const NODE: &str = "worker-1";
pub const NAMESPACE: &str = "web";
pub const NOPORTS: &str = "kubeskoop_udp_noports";
pub const WATCH_UP: &str = "kubeskoop_exporter_kube_watch_up";
pub const PODS: &str = "kubeskoop_exporter_pods";
pub const NAMESPACES: &str = "kubeskoop_exporter_network_namespaces";
pub const SOON: Duration = Duration::from_secs(10);

/// The settings of all exporters here; what is under `metrics` can be added to.
const CONFIG: &str = "\
interval: 0
debugMode: true
kubernetes: {enabled: true, nodeName: worker-1}
metrics:
  probes: [udp, io, fd]
";

/// The node, its API server and the way there.
pub struct Cluster {
    /// None: that of the machine, where processes of others are seen too.
    pub node: Option<Node>,
    pub api: ApiServer,
    pub kubeconfig: Kubeconfig,
}

impl Cluster {
    /// One where nobody else is, so that everything on it can be counted. Its exporters read files.
    pub fn start() -> Result<Self> {
        Self::with(Some(Node::start()?))
    }

    /// One whose exporters take `path`: a pass sees all processes of a machine.
    pub fn taking(path: Path) -> Result<Self> {
        match path {
            Path::Pass => Self::with(None),
            Path::Files => Self::start(),
        }
    }

    fn with(node: Option<Node>) -> Result<Self> {
        let api = ApiServer::start()?;
        let kubeconfig = Kubeconfig::with_token_file(&api)?;
        Ok(Self {
            node,
            api,
            kubeconfig,
        })
    }

    /// An exporter of this node, with `more` under `metrics` or beside it.
    pub fn builder(&self, more: &str) -> Builder {
        let builder = Exporter::builder()
            .config(&format!("{CONFIG}{more}"))
            .env("KUBECONFIG", self.kubeconfig.path());
        match &self.node {
            None => builder,
            Some(node) => builder.on(node).args(["--no-bpf"]),
        }
    }

    /// A running exporter whose pods are in sync.
    pub fn exporter(&self) -> Result<Exporter> {
        let exporter = self.builder("").start()?;
        exporter.scrape()?;
        Ok(exporter)
    }

    /// A pod as its processes and namespaces are.
    pub fn processes(&self, uid: &str) -> pod::Builder<'_> {
        match &self.node {
            None => Pod::of(uid),
            Some(node) => Pod::of(uid).on(node),
        }
    }

    /// A pod that the API server knows, with processes.
    pub fn pod(&self, name: &str) -> Result<(PodObject, Pod)> {
        let object = object(name);
        self.api.add(&object);
        let pod = self.processes(object.uid()).start()?;
        Ok((object, pod))
    }
}

/// A pod of this node as the API server has it.
pub fn object(name: &str) -> PodObject {
    PodObject::new(NAMESPACE, name).node(NODE)
}

/// The labels of a pod's series.
pub fn of(name: &str) -> [(&str, &str); 2] {
    [("k8s_namespace", NAMESPACE), ("k8s_pod", name)]
}

/// The datagrams to closed ports of a pod, if they are exported.
pub fn noports(metrics: &Metrics, name: &str) -> Option<f64> {
    metrics.value(NOPORTS, &of(name))
}

/// Has a number counted that nobody else has.
pub fn datagrams_to_closed_port(netns: &Netns, count: usize) -> Result<()> {
    netns.run(|| traffic::udp_to_closed_port(SocketAddr::from(([127, 0, 0, 1], 9)), count))
}

/// How many namespaces are of a kind.
pub fn namespaces(metrics: &Metrics, kind: &str) -> Option<f64> {
    metrics.value(NAMESPACES, &[("kind", kind)])
}

/// How many pods are in a state.
pub fn pods(metrics: &Metrics, state: &str) -> Option<f64> {
    metrics.value(PODS, &[("state", state)])
}

/// Whether the watch is said to stand.
pub fn watch_is_up(metrics: &Metrics) -> Result<bool> {
    Ok(metrics.value(WATCH_UP, &[]).context(WATCH_UP)? > 0.0)
}

/// Scrapes until `is_so`, not too often: many wait at a time.
pub fn until(
    exporter: &Exporter,
    limit: Duration,
    mut is_so: impl FnMut(&Metrics) -> Result<bool>,
) -> Result<()> {
    let waited = eventually(limit, || {
        std::thread::sleep(Duration::from_millis(100));
        is_so(&exporter.scrape()?)
    });
    waited.with_context(|| format!("log:\n{}", exporter.log()))
}

/// Series of the host have no name, all others have one of those expected.
pub fn nobody_has_a_wrong_name(metrics: &Metrics, names: &[&str]) -> Result<()> {
    let of_host = metrics.matching(NOPORTS, &[("k8s_namespace", ""), ("k8s_pod", "")]);
    ensure!(of_host.len() == 1, "{of_host:?} are of the host");
    for sample in metrics.samples(NOPORTS) {
        let (namespace, pod) = (sample.label("k8s_namespace"), sample.label("k8s_pod"));
        let is_right = namespace == Some(NAMESPACE) && pod.is_some_and(|pod| names.contains(&pod));
        ensure!(is_right || pod == Some(""), "whose is {sample:?}?");
    }
    Ok(())
}

/// Looks through all that an exporter says.
pub fn searched(secrets: &[&str], exporter: &Exporter) -> Result<()> {
    let mut texts = vec![("the log".to_owned(), exporter.log())];
    for path in [
        "/config",
        "/status",
        "/debug/entities",
        "/readyz",
        "/metrics",
        "/",
    ] {
        texts.push((path.to_owned(), exporter.get(path)?.body));
    }
    for (place, text) in texts {
        ensure!(!text.is_empty(), "{place} is empty");
        for secret in secrets {
            ensure!(!text.contains(secret), "{secret} stands in {place}:\n{text}");
        }
    }
    Ok(())
}
