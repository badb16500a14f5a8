//! What is told of a pod beside its name.

use anyhow::Result;

use super::support::{Cluster, NODE, NOPORTS, SOON, object, of, until};

#[test]
fn a_pod_is_told_of_with_uid_address_namespace_and_network() -> Result<()> {
    let cluster = Cluster::start()?;
    let object = object("front").ip("10.9.8.7");
    cluster.api.add(&object);
    let pod = cluster.processes(object.uid()).start()?;
    let metrics = cluster.exporter()?.scrape()?;
    let info = metrics.matching("kubeskoop_pod_info", &of("front"));
    assert_eq!(info.len(), 1);
    let expected = [
        ("k8s_node", NODE),
        ("pod_uid", object.uid()),
        ("pod_ip", "10.9.8.7"),
        ("host_network", "false"),
    ];
    assert!(info[0].has(&expected), "{info:?}");
    assert!(
        info[0].label("netns").is_some_and(|netns| !netns.is_empty()),
        "{info:?}"
    );
    assert!((info[0].value - 1.0).abs() < f64::EPSILON);
    drop(pod);
    Ok(())
}

#[test]
fn additional_labels_take_values_of_pod_labels_and_follow_them() -> Result<()> {
    let cluster = Cluster::start()?;
    let front = object("front").label("app", "shop").label("tier", "web");
    cluster.api.add(&front);
    let _pod = cluster.processes(front.uid()).start()?;
    let exporter = cluster
        .builder("  additionalLabels: ['of=${labels:app}/${labels:tier}', 'team=${labels:team}', 'zone=a']\n")
        .start()?;
    let expect = |expected: &[(&str, &str)]| {
        until(&exporter, SOON, |metrics| {
            Ok(metrics
                .matching(NOPORTS, &[&of("front"), expected].concat())
                .len()
                == 1)
        })
    };
    expect(&[("of", "shop/web"), ("team", ""), ("zone", "a")])?;
    cluster
        .api
        .update(&front.label("tier", "edge").label("team", "blue"));
    expect(&[("of", "shop/edge"), ("team", "blue")])?;
    let metrics = exporter.scrape()?;
    let host = metrics.matching(NOPORTS, &[("k8s_pod", "")]);
    assert!(host.len() == 1 && host[0].label("team") == Some(""), "{host:?}");
    Ok(())
}

#[test]
fn verbose_adds_namespace_and_address_to_every_series_of_a_pod() -> Result<()> {
    let cluster = Cluster::start()?;
    let front = object("front").ip("10.9.8.7");
    cluster.api.add(&front);
    let _pod = cluster.processes(front.uid()).start()?;
    let exporter = cluster.builder("verbose: true\n").start()?;
    let metrics = exporter.scrape()?;
    for family in [
        "kubeskoop_udp_noports",
        "kubeskoop_io_readbytes",
        "kubeskoop_fd_openfd",
    ] {
        let series = metrics.matching(family, &of("front"));
        assert_eq!(series.len(), 1, "{family}");
        assert_eq!(series[0].label("pod_ip"), Some("10.9.8.7"), "{family}");
        assert!(
            series[0].label("netns").is_some_and(|netns| !netns.is_empty()),
            "{family}"
        );
    }
    Ok(())
}
