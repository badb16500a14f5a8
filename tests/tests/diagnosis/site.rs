//! Pods with faults on a node, and all that watches them.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::alertmanager::{Alert, Alertmanager};
use kubeskoop_exporter_tests::lab::apiserver::{ApiServer, Kubeconfig};
use kubeskoop_exporter_tests::lab::command::output;
use kubeskoop_exporter_tests::lab::exporter::{Exporter, binary};
use kubeskoop_exporter_tests::lab::helper::Helper;
use kubeskoop_exporter_tests::lab::netns::Netns;
use kubeskoop_exporter_tests::lab::prometheus::{self, Prometheus, Setup};
use kubeskoop_exporter_tests::lab::wait::eventually;
use kubeskoop_exporter_tests::lab::{mixin, tools};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::faults::{FAULTS, Fault, PORT};
use crate::place::{Place, Running};

/// The node as Kubernetes knows it, and as a plain host.
pub const NODE: &str = "worker-1";
pub const PLAIN: &str = "plain-1";

/// The window of rates, which the faults need to last.
pub const RATE_INTERVAL: &str = "20s";

/// How long the alerts may take: a stalled server is compared with what it was before.
const ARRIVAL: Duration = Duration::from_mins(2);

/// How often to ask for them.
const POLL: Duration = Duration::from_millis(500);

/// A pod, the name of its network namespace and what happens there.
pub struct Watched {
    pub fault: &'static Fault,
    pub netns: String,
    running: Running,
}

/// All of it; ended when dropped, the pods first.
pub struct Site {
    pub pods: Vec<Watched>,
    pub alertmanager: Alertmanager,
    pub prometheus: Prometheus,
    /// On the node of a cluster, with all probes.
    pub exporter: Exporter,
    /// On the same machine, as on a plain host with the default probes.
    pub plain: Exporter,
    _outside: Arc<Netns>,
    _api: ApiServer,
    _kubeconfig: Kubeconfig,
    _helper: Helper,
    /// The files of rules.
    pub rules: Vec<PathBuf>,
    _directory: TempDir,
}

impl Site {
    pub fn start() -> Result<Self> {
        let helper = Helper::compile("server")?;
        let outside = Arc::new(Netns::new("outside")?);
        let api = ApiServer::start()?;
        let kubeconfig = Kubeconfig::with_token_file(&api)?;
        let places = FAULTS
            .iter()
            .map(|fault| place(fault, &helper, &outside, &api))
            .collect::<Result<Vec<_>>>()?;
        let exporter = Exporter::builder()
            .config(&config(NODE, true, &json!({"probes": all_probes()?})))
            .env("KUBECONFIG", kubeconfig.path())
            .start()?;
        let plain = Exporter::builder()
            .config(&config(PLAIN, false, &json!({})))
            .start()?;
        for exporter in [&exporter, &plain] {
            exporter.wait_for_probes()?;
        }
        let alertmanager = Alertmanager::start(&example()?)?;
        let (directory, rules) = rules()?;
        let setup = Setup {
            rules: &rules,
            alertmanager: Some(alertmanager.addr()),
            ..Setup::default()
        };
        let prometheus = Prometheus::start(&server()?, setup, &[exporter.addr()?, plain.addr()?])?;
        let pods = places.into_iter().zip(&FAULTS);
        Ok(Self {
            pods: pods
                .map(|(place, fault)| Watched::start(place, fault))
                .collect::<Result<_>>()?,
            alertmanager,
            prometheus,
            exporter,
            plain,
            _outside: outside,
            _api: api,
            _kubeconfig: kubeconfig,
            _helper: helper,
            rules,
            _directory: directory,
        })
    }

    /// Waits until the alert of each fault has come from both exporters.
    pub fn wait_for_all_alerts(&self) -> Result<()> {
        self.alerts_of_all_faults(NODE, Watched::names)?;
        self.alerts_of_all_faults(PLAIN, Watched::netns).map(|_| ())
    }

    /// The alerts of a node once they hold that of each fault, as `of` tells the pods.
    pub fn alerts_of_all_faults(&self, node: &str, of: impl Fn(&Watched) -> Labels) -> Result<Vec<Alert>> {
        let mut alerts = Vec::new();
        let mut missing = Vec::new();
        let is_there = |alerts: &[Alert], pod: &Watched| {
            let mut found = alerts.iter().filter(|alert| of(pod).are_of(alert));
            pod.fault
                .alert
                .is_none_or(|name| found.any(|alert| alert.name() == name))
        };
        eventually(ARRIVAL, || {
            sleep(POLL);
            self.go_on()?;
            alerts = self.alertmanager.alerts()?;
            alerts.retain(|alert| alert.label("k8s_node") == node);
            missing.clear();
            missing.extend(self.pods.iter().filter(|pod| !is_there(&alerts, pod)));
            Ok(missing.is_empty())
        })
        .with_context(|| {
            let missing: Vec<_> = missing.iter().map(|pod| (pod.fault.alert, of(pod))).collect();
            let labels: Vec<_> = alerts.iter().map(|alert| &alert.labels).collect();
            format!("missing: {missing:#?}, there are: {labels:#?}")
        })?;
        Ok(alerts)
    }

    /// An error if a fault does not go on.
    fn go_on(&self) -> Result<()> {
        self.pods
            .iter()
            .try_for_each(|pod| pod.running.goes_on().context(pod.fault.pod))
    }
}

impl Watched {
    fn start(place: Place, fault: &'static Fault) -> Result<Self> {
        Ok(Self {
            fault,
            netns: place.pod.netns()?.name().to_owned(),
            running: Running::start(place, fault.happening)?,
        })
    }

    /// The labels that tell it in a cluster.
    pub fn names(&self) -> Labels {
        Labels::new([
            ("k8s_namespace", self.fault.namespace),
            ("k8s_pod", self.fault.pod),
            ("netns", ""),
        ])
    }

    /// The labels that tell it on a plain host.
    pub fn netns(&self) -> Labels {
        Labels::new([("k8s_namespace", ""), ("k8s_pod", ""), ("netns", &self.netns)])
    }
}

/// Labels that tell one pod from another; an empty one is missing.
#[derive(Debug)]
pub struct Labels(BTreeMap<&'static str, String>);

impl Labels {
    fn new<const N: usize>(labels: [(&'static str, &str); N]) -> Self {
        Self(labels.map(|(name, value)| (name, value.to_owned())).into())
    }

    /// Whether an alert has them.
    pub fn are_of(&self, alert: &Alert) -> bool {
        self.0.iter().all(|(name, value)| alert.label(name) == value)
    }
}

fn place(fault: &Fault, helper: &Helper, outside: &Arc<Netns>, api: &ApiServer) -> Result<Place> {
    let program = helper.program().to_string_lossy();
    let port = PORT.to_string();
    match fault.backlog {
        Some(backlog) => Place::new(fault, &[&program, &port, backlog], outside, api),
        None => Place::new(fault, &["sleep", "600"], outside, api),
    }
}

fn config(node: &str, kubernetes: impl Display, metrics: &Value) -> String {
    format!(
        "interval: 0
kubernetes: {{enabled: {kubernetes}, nodeName: {node}}}
metrics: {metrics}
"
    )
}

/// What the exporter lists of `probes` or `metrics`.
pub fn listed(what: &str) -> Result<Vec<Value>> {
    let text = output(Command::new(binary()?).args(["list", what, "--no-bpf", "-o", "json"]))?;
    let rows: Vec<Value> = serde_json::from_str(&text).with_context(|| text.clone())?;
    ensure!(!rows.is_empty(), "no {what}");
    Ok(rows)
}

fn all_probes() -> Result<Value> {
    Ok(listed("probes")?.iter().map(|row| row["name"].clone()).collect())
}

/// What is shipped for Alertmanager: its receivers tell nobody.
fn example() -> Result<String> {
    let file = tools::workspace_root()?.join("mixin/alertmanager/inhibit.yaml");
    fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))
}

/// The newest Prometheus there is.
pub fn server() -> Result<PathBuf> {
    let program = prometheus::newest("Prometheus 3, so 2.42 it is")?;
    program.map_or_else(|| tools::prometheus("2.42"), Ok)
}

/// The rules with all times cut short, and the records that the dashboards name as they are shipped.
fn rules() -> Result<(TempDir, Vec<PathBuf>)> {
    let directory = tempfile::tempdir()?;
    let config = json!({
        "rateInterval": RATE_INTERVAL,
        "episodeFor": "1s",
        "steadyFor": "5s",
        "processStalledWindow": "10s",
        "processStalledBaseline": "20s",
    });
    let mut rules = mixin::rules(directory.path(), &config)?;
    rules.push(tools::workspace_root()?.join("rules/kubeskoop-rules.yaml"));
    Ok((directory, rules))
}
