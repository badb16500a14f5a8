//! What must not be told.

use std::time::Duration;

use anyhow::Result;
use kubeskoop_exporter_tests::lab::apiserver::{ApiServer, Fault, InCluster, Kubeconfig};
use kubeskoop_exporter_tests::lab::exporter::{Builder, Exporter};
use kubeskoop_exporter_tests::lab::node::Node;
use serde_json::json;

use super::support::{Cluster, NODE, SOON, searched, until, watch_is_up};

const PASSWORD: &str = "marked-password";
/// What has most to do with it; the table of all faults looks for the token too.
const FAULTS: [Fault; 2] = [Fault::Answer(401), Fault::Garbage];

/// Has things go wrong, and looks through all that the exporter says.
fn tells_nothing_of(secrets: &[&str], api: &ApiServer, exporter: &Exporter) -> Result<()> {
    until(exporter, SOON, watch_is_up)?;
    for fault in FAULTS {
        api.inject(fault);
        until(exporter, SOON, |metrics| Ok(!watch_is_up(metrics)?))?;
        searched(secrets, exporter)?;
        api.heal();
        until(exporter, SOON, watch_is_up)?;
    }
    searched(secrets, exporter)
}

fn with_kubeconfig(builder: Builder, kubeconfig: &Kubeconfig) -> Result<Exporter> {
    // The last one counts.
    builder.env("KUBECONFIG", kubeconfig.path()).start()
}

#[test]
fn a_token_that_stands_in_the_kubeconfig_is_never_told() -> Result<()> {
    let cluster = Cluster::start()?;
    let (_, _pod) = cluster.pod("front")?;
    let token = cluster.api.token();
    // Neither is what else stands in a pod, such as its environment.
    let secrets = [token, "of-main"];
    tells_nothing_of(&secrets, &cluster.api, &cluster.exporter()?)?;
    let inline = Kubeconfig::with_user(&cluster.api, &json!({"token": token}))?;
    tells_nothing_of(
        &secrets,
        &cluster.api,
        &with_kubeconfig(cluster.builder(""), &inline)?,
    )
}

#[test]
fn a_password_is_never_told() -> Result<()> {
    let cluster = Cluster::start()?;
    cluster.api.accept_anybody();
    let user = json!({"username": "exporter", "password": PASSWORD});
    let kubeconfig = Kubeconfig::with_user(&cluster.api, &user)?;
    let exporter = with_kubeconfig(cluster.builder(""), &kubeconfig)?;
    // Base64 of exporter:marked-password begins so.
    tells_nothing_of(&[PASSWORD, "ZXhwb3J0ZXI6bWFya2Vk"], &cluster.api, &exporter)
}

#[test]
fn the_token_of_a_service_account_is_never_told() -> Result<()> {
    let (node, api) = (Node::start()?, ApiServer::start_tls()?);
    let account = InCluster::of(&api)?;
    let exporter = Exporter::builder()
        .config("interval: 0\ndebugMode: true\nmetrics: {probes: [udp]}\n")
        .args(["--no-bpf"])
        .on(&node)
        .env("NODE_NAME", NODE);
    let exporter = account.runs(exporter).start()?;
    tells_nothing_of(&[api.token()], &api, &exporter)?;
    // An expired one is as secret.
    api.accept_tokens(&["marked-renewed"]);
    api.end_watches();
    until(&exporter, SOON, |metrics| Ok(!watch_is_up(metrics)?))?;
    account.set_token("marked-renewed")?;
    until(&exporter, Duration::from_secs(20), watch_is_up)?;
    searched(&[api.token(), "marked-renewed"], &exporter)
}
