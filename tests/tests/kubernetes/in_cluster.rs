//! As a pod of the cluster: everything is where a pod finds it, and nothing is asked for that is not
//! needed.

use anyhow::Result;
use kubeskoop_exporter_tests::lab::apiserver::{ApiServer, Fault, InCluster, Kind};
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::node::Node;
use kubeskoop_exporter_tests::lab::pod::Pod;

use super::support::{NODE, SOON, nobody_has_a_wrong_name, noports, object, until, watch_is_up};

const CONFIG: &str = "interval: 0\nmetrics: {probes: [udp]}\n";

#[test]
fn in_a_cluster_pods_are_named_without_being_told_and_only_this_node_is_asked_for() -> Result<()> {
    let (node, api) = (Node::start()?, ApiServer::start_tls()?);
    let account = InCluster::of(&api)?;
    let object = object("front");
    api.add(&object);
    let _pod = Pod::of(object.uid()).on(&node).start()?;
    let exporter = Exporter::builder()
        .config(CONFIG)
        .args(["--no-bpf"])
        .on(&node)
        .env("NODE_NAME", NODE);
    let exporter = account.runs(exporter).start()?;
    until(&exporter, SOON, |metrics| {
        Ok(watch_is_up(metrics)? && noports(metrics, "front") == Some(0.0))
    })?;

    // A token that is renewed is taken from its file.
    api.accept_tokens(&["renewed"]);
    api.end_watches();
    until(&exporter, SOON, |metrics| Ok(!watch_is_up(metrics)?))?;
    account.set_token("renewed")?;
    until(&exporter, SOON, watch_is_up)?;

    for request in api.requests() {
        assert!(matches!(request.kind, Kind::List | Kind::Watch), "{request:?}");
        let selector = request.query.get("fieldSelector").map(String::as_str);
        assert_eq!(selector, Some("spec.nodeName=worker-1"), "{request:?}");
        assert!(
            request.user_agent.starts_with("kubeskoop-exporter/"),
            "{request:?}"
        );
        assert!(!request.query.contains_key("sendInitialEvents"), "{request:?}");
        if request.kind == Kind::Watch {
            assert_eq!(
                request.query.get("allowWatchBookmarks").map(String::as_str),
                Some("true")
            );
            assert!(request.query.contains_key("timeoutSeconds"), "{request:?}");
        }
    }
    Ok(())
}

#[test]
fn where_kubernetes_is_not_demanded_its_absence_leaves_the_exporter_ready() -> Result<()> {
    let (node, api) = (Node::start()?, ApiServer::start_tls()?);
    let account = InCluster::of(&api)?;
    let object = object("front");
    api.add(&object);
    let _pod = Pod::of(object.uid()).on(&node).start()?;
    let builder = || {
        let builder = Exporter::builder().args(["--no-bpf"]).on(&node);
        account.runs(builder.env("NODE_NAME", NODE))
    };
    let auto = builder().config(CONFIG).start()?;
    let demanded = builder()
        .config(&format!("{CONFIG}kubernetes: {{enabled: true}}\n"))
        .start()?;
    for exporter in [&auto, &demanded] {
        until(exporter, SOON, |metrics| {
            Ok(noports(metrics, "front") == Some(0.0))
        })?;
    }
    api.inject(Fault::Answer(503));
    for (exporter, ready) in [(&auto, 200), (&demanded, 503)] {
        until(exporter, SOON, |metrics| Ok(!watch_is_up(metrics)?))?;
        let answer = exporter.get("/readyz")?;
        assert_eq!(answer.status, ready, "{}", answer.body);
        nobody_has_a_wrong_name(&exporter.scrape()?, &["front"])?;
    }

    // One that starts without an API server knows nobody, and is ready all the same.
    let late = builder().config(CONFIG).start()?;
    until(&late, SOON, |metrics| Ok(!watch_is_up(metrics)?))?;
    assert_eq!(late.get("/readyz")?.status, 200);
    nobody_has_a_wrong_name(&late.scrape()?, &[])
}
