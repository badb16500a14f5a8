//! Whose numbers are whose.

use std::fs;

use anyhow::{Context, Result};
use kubeskoop_exporter_tests::lab::metrics::Metrics;
use kubeskoop_exporter_tests::lab::netns::Netns;
use kubeskoop_exporter_tests::lab::node::spawn_in;
use kubeskoop_exporter_tests::lab::path::Path;
use kubeskoop_exporter_tests::lab::wait::eventually;
use kubeskoop_exporter_tests::on_both_paths;

use super::support::{
    Cluster, NOPORTS, SOON, datagrams_to_closed_port, namespaces, nobody_has_a_wrong_name, noports, object,
    of, pods,
};

on_both_paths!(
    each_pod_has_its_own_numbers_under_its_own_name,
    a_pod_on_the_network_of_the_host_has_io_and_fd_of_its_own_and_no_network_series,
    a_static_pod_is_known_by_the_hash_of_its_configuration,
    a_pod_of_several_containers_is_one_pod_and_its_ended_init_container_is_nothing,
);

fn each_pod_has_its_own_numbers_under_its_own_name(path: Path) -> Result<()> {
    let cluster = Cluster::taking(path)?;
    let (one, two) = (cluster.pod("one")?.1, cluster.pod("two")?.1);
    datagrams_to_closed_port(one.netns()?, 11)?;
    datagrams_to_closed_port(two.netns()?, 22)?;
    let exporter = cluster.exporter()?;
    let metrics = exporter.scrape()?;
    assert_eq!(noports(&metrics, "one"), Some(11.0));
    assert_eq!(noports(&metrics, "two"), Some(22.0));
    for sample in metrics.samples(NOPORTS) {
        assert_eq!(sample.label("k8s_node"), Some("worker-1"));
        assert_eq!(sample.label("netns"), None);
    }
    nobody_has_a_wrong_name(&metrics, &["one", "two"])?;
    drop(one);
    let metrics = exporter.scrape()?;
    assert_eq!(
        (noports(&metrics, "one"), noports(&metrics, "two")),
        (None, Some(22.0))
    );
    Ok(())
}

fn a_pod_on_the_network_of_the_host_has_io_and_fd_of_its_own_and_no_network_series(path: Path) -> Result<()> {
    const CALLS: f64 = 20_000.0;
    let cluster = Cluster::taking(path)?;
    let object = object("agent").host_network(true);
    cluster.api.add(&object);
    let directory = tempfile::tempdir()?;
    let file = |name: &str| directory.path().join(name);
    // Every echo is a call of write.
    let work = format!(
        "until [ -e {0}/go ]; do sleep 0.1; done; n=0
         while [ $n -lt 20000 ]; do echo; n=$((n+1)); done > /dev/null
         : > {0}/done; exec sleep 600",
        directory.path().display()
    );
    let uid = object.uid();
    let _pod = cluster
        .processes(uid)
        .host_network()
        .command(&["sh", "-c", &work])
        .start()?;
    let exporter = cluster.exporter()?;
    let calls = |metrics: &Metrics| {
        let metric = "kubeskoop_io_writesyscall";
        let own = metrics.value(metric, &of("agent")).context("no io of the pod")?;
        let host = metrics
            .value(metric, &[("k8s_pod", "")])
            .context("no io of the host")?;
        anyhow::Ok((own, host))
    };
    let (own_before, host_before) = calls(&exporter.scrape()?)?;
    fs::write(file("go"), "")?;
    eventually(SOON, || Ok(file("done").exists()))?;
    let metrics = exporter.scrape()?;
    let (own, host) = calls(&metrics)?;
    assert!(own - own_before >= CALLS, "{own_before} became {own}");
    if path == Path::Files {
        assert!(host - host_before < CALLS, "{host_before} became {host}");
    }
    assert!(metrics.value("kubeskoop_fd_openfd", &of("agent")) >= Some(1.0));
    assert_eq!(noports(&metrics, "agent"), None);
    let info = metrics.matching("kubeskoop_pod_info", &of("agent"));
    assert_eq!(info.len(), 1);
    assert!(
        info[0].has(&[("host_network", "true"), ("pod_uid", uid)]),
        "{info:?}"
    );
    Ok(())
}

fn a_static_pod_is_known_by_the_hash_of_its_configuration(path: Path) -> Result<()> {
    let hash = format!("{:032x}", 0x57a7_1c00 + path as u32);
    let cluster = Cluster::taking(path)?;
    cluster.api.add(&object("etcd-worker-1").mirror_of(&hash));
    let pod = cluster.processes(&hash).start()?;
    datagrams_to_closed_port(pod.netns()?, 7)?;
    let metrics = cluster.exporter()?.scrape()?;
    assert_eq!(noports(&metrics, "etcd-worker-1"), Some(7.0));
    Ok(())
}

fn a_pod_of_several_containers_is_one_pod_and_its_ended_init_container_is_nothing(path: Path) -> Result<()> {
    let cluster = Cluster::taking(path)?;
    let object = object("many")
        .containers(&["a", "b", "c"])
        .init_containers(&["first"]);
    cluster.api.add(&object);
    let pod = cluster
        .processes(object.uid())
        .init_containers(1)
        .containers(3)
        .start()?;
    datagrams_to_closed_port(pod.netns()?, 5)?;
    let metrics = cluster.exporter()?.scrape()?;
    assert_eq!(noports(&metrics, "many"), Some(5.0));
    assert_eq!(metrics.matching("kubeskoop_pod_info", &of("many")).len(), 1);
    let files = metrics.matching("kubeskoop_fd_openfd", &of("many"));
    assert!(files.len() == 1 && files[0].value >= 3.0, "{files:?}");
    Ok(())
}

#[test]
fn of_a_pod_restarted_under_its_name_the_uid_that_the_api_server_names_wins() -> Result<()> {
    let cluster = Cluster::start()?;
    let exporter = cluster.exporter()?;
    let (old, old_pod) = cluster.pod("db-0")?;
    datagrams_to_closed_port(old_pod.netns()?, 30)?;
    assert_eq!(noports(&exporter.scrape()?, "db-0"), Some(30.0));
    cluster.api.delete(&old)?;
    let (new, new_pod) = cluster.pod("db-0")?;
    datagrams_to_closed_port(new_pod.netns()?, 3)?;
    let metrics = exporter.scrape()?;
    assert_eq!(noports(&metrics, "db-0"), Some(3.0));
    assert_eq!(
        (pods(&metrics, "exported"), pods(&metrics, "waiting")),
        (Some(1.0), Some(1.0))
    );
    let info = metrics.matching("kubeskoop_pod_info", &of("db-0"));
    assert!(
        info.len() == 1 && info[0].has(&[("pod_uid", new.uid())]),
        "{info:?}"
    );
    drop(old_pod);
    let metrics = exporter.scrape()?;
    assert_eq!(noports(&metrics, "db-0"), Some(3.0));
    assert_eq!(
        (pods(&metrics, "exported"), pods(&metrics, "waiting")),
        (Some(1.0), Some(0.0))
    );
    Ok(())
}

#[test]
fn a_pod_without_processes_is_counted_and_has_no_numbers() -> Result<()> {
    let cluster = Cluster::start()?;
    cluster.api.add(&object("pending").phase("Pending").ip(""));
    let (_, mut pod) = cluster.pod("ended")?;
    let exporter = cluster.exporter()?;
    assert_eq!(pods(&exporter.scrape()?, "without_process"), Some(1.0));
    pod.end_processes();
    let metrics = exporter.scrape()?;
    assert_eq!(pods(&metrics, "without_process"), Some(2.0));
    assert_eq!(pods(&metrics, "exported"), Some(0.0));
    nobody_has_a_wrong_name(&metrics, &[])
}

#[test]
fn a_second_namespace_of_a_pod_and_one_of_no_pod_are_counted_and_not_exported() -> Result<()> {
    let cluster = Cluster::start()?;
    let object = object("browser");
    cluster.api.add(&object);
    let pod = cluster.processes(object.uid()).sandbox().start()?;
    datagrams_to_closed_port(pod.netns()?, 4)?;
    datagrams_to_closed_port(pod.sandbox()?, 90)?;
    let exporter = cluster.exporter()?;
    let metrics = exporter.scrape()?;
    assert_eq!(noports(&metrics, "browser"), Some(4.0));
    assert_eq!(
        (namespaces(&metrics, "pod"), namespaces(&metrics, "other")),
        (Some(1.0), Some(1.0))
    );

    let vpn = Netns::new("vpn")?;
    let pids = cluster.node.as_ref().context("a node of its own")?.pids();
    let mut sleep = std::process::Command::new("sleep");
    let _resident = vpn.run(|| spawn_in(&pids, sleep.arg("600")))?;
    let metrics = exporter.scrape()?;
    assert_eq!(
        (namespaces(&metrics, "other"), namespaces(&metrics, "unknown")),
        (Some(2.0), Some(0.0))
    );
    nobody_has_a_wrong_name(&metrics, &["browser"])
}
