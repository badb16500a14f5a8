//! Pods that the API server names: how soon a new one has its name, what is asked while nothing
//! changes, and memory.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use kubeskoop_exporter_tests::lab::apiserver::{ApiServer, Fault, Kind, Kubeconfig, PodObject};
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::metrics::Metrics;
use kubeskoop_exporter_tests::lab::path::Path;
use kubeskoop_exporter_tests::lab::pod::Pod;
use kubeskoop_exporter_tests::lab::wait::eventually;

use crate::figures::Figures;
use crate::footprint;

const PODS: usize = 500;
const TURNS: usize = 20;
const NODE: &str = "bench";
const CONFIG: &str = "interval: 0\nkubernetes: {enabled: true, nodeName: bench}\n";
/// As the API server of Kubernetes sends them.
const BOOKMARKS: Duration = Duration::from_mins(1);
/// How late the watch is when it is late.
const LATE: Duration = Duration::from_secs(30);
/// Several watches come to their end in it.
const IDLE: Duration = Duration::from_mins(10);
const PATIENCE: Duration = Duration::from_secs(30);

/// A full node, new pods on it, and a time in which nothing happens.
pub fn run() -> Result<()> {
    let api = ApiServer::start()?;
    api.bookmark_every(BOOKMARKS);
    let kubeconfig = Kubeconfig::with_token_file(&api)?;
    println!("making {PODS} pods, each with a network namespace and a process");
    let _pods = (0..PODS).map(|_| pod(&api)).collect::<Result<Vec<_>>>()?;
    let exporter = Path::Pass
        .builder()
        .config(CONFIG)
        .env("KUBECONFIG", kubeconfig.path())
        .start()?;
    eventually(PATIENCE, || Ok(exported(&exporter)? >= PODS))?;
    println!("\n{PODS} pods by name");
    footprint::print(&exporter)?;
    new_pods(&api, &exporter)?;
    idle(&api, &exporter)
}

fn pod(api: &ApiServer) -> Result<(PodObject, Pod)> {
    let object = PodObject::new("bench", &format!("pod-{}", api.revision())).node(NODE);
    api.add(&object);
    let pod = Pod::of(object.uid()).start()?;
    Ok((object, pod))
}

fn exported(exporter: &Exporter) -> Result<usize> {
    let pods = exporter.scrape()?;
    Ok(pods.samples("kubeskoop_pod_info").count())
}

/// From the first process of a pod to the end of the scrape that shows its name.
fn new_pods(api: &ApiServer, exporter: &Exporter) -> Result<()> {
    let mut figures = Figures::titled("wall time from process to named series, ms");
    let lists = api.count(Kind::List);
    for turn in 0..TURNS {
        for (case, fault) in [
            ("the watch told of the pod before", None),
            ("the watch is late", Some(Fault::Late(LATE))),
        ] {
            fault.into_iter().for_each(|fault| api.inject(fault));
            let (object, _pod) = pod(api)?;
            let began = Instant::now();
            let answer = exporter.get("/metrics")?;
            let took = began.elapsed();
            let metrics = Metrics::parse(&answer.body)?;
            let is_named = metrics.value("kubeskoop_udp_noports", &[("k8s_pod", object.name())]);
            ensure!(
                is_named.is_some(),
                "turn {turn}, {case}: no name in the next scrape"
            );
            figures.add(case, took.as_secs_f64());
            api.heal();
            api.delete(&object)?;
        }
    }
    println!(
        "\n{figures}lists asked for         {}",
        api.count(Kind::List) - lists
    );
    Ok(())
}

/// What goes over the wire in an hour without a change.
fn idle(api: &ApiServer, exporter: &Exporter) -> Result<()> {
    let asked = || {
        [Kind::List, Kind::Watch].map(|kind| {
            let traffic = api.traffic(kind);
            (api.count(kind), traffic.received, traffic.sent)
        })
    };
    let before = asked();
    println!(
        "\nwaiting for {} minutes in which nothing changes",
        IDLE.as_secs() / 60
    );
    let percent = footprint::idle_percent(exporter.pid(), IDLE)?;
    let hours = IDLE.as_secs_f64() / 3600.0;
    for ((kind, before), now) in ["lists", "watches"].iter().zip(before).zip(asked()) {
        let requests = now.0 - before.0;
        let bytes = (now.1 - before.1, now.2 - before.2);
        let an_hour = |bytes: u64| f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)) / hours / 1024.0;
        println!(
            "{kind:24} {requests}, an hour {:.1} KiB sent and {:.1} KiB received",
            an_hour(bytes.0),
            an_hour(bytes.1)
        );
    }
    println!("CPU                      {percent:.3} % of one");
    footprint::print(exporter)
}
