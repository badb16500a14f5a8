//! The pod on each node.

use anyhow::{Context, Result, bail, ensure};
use kubeskoop_exporter_tests::lab::files::text;
use kubeskoop_exporter_tests::lab::kustomize::{Objects, render_with};
use serde_json::{Value, json};

use crate::renderings;

#[test]
fn nothing_of_the_node_is_mounted_but_boot_read_only_where_it_is_asked_for() -> Result<()> {
    for rendering in renderings::all()? {
        let pod = rendering.objects.pod_spec()?;
        let mut expected = vec![json!({"name": "config", "configMap": {"name": "kubeskoop-config"}})];
        if rendering.has("boot-btf") {
            let boot = json!({"name": "boot", "hostPath": {"path": "/boot", "type": "Directory"}});
            expected.insert(0, boot);
        }
        ensure!(
            pod["volumes"] == Value::from(expected),
            "{}: {pod}",
            rendering.name()
        );
        let mounts = rendering.objects.container()?["volumeMounts"].as_array();
        for mount in mounts.context("no mounts")? {
            ensure!(mount["readOnly"] == true, "{}: {mount}", rendering.name());
            ensure!(
                mount["subPath"].is_null() && mount["subPathExpr"].is_null(),
                "{mount}"
            );
        }
    }
    Ok(())
}

#[test]
fn neither_a_runtime_socket_nor_var_run_is_named_anywhere() -> Result<()> {
    for rendering in renderings::all()? {
        let pod = rendering.objects.pod_spec()?.to_string();
        for name in [
            ".sock",
            "/var/run",
            "\"/run",
            "containerd",
            "crio",
            "docker",
            "/proc",
            "/sys",
        ] {
            ensure!(!pod.contains(name), "{}: {name} in {pod}", rendering.name());
        }
    }
    Ok(())
}

#[test]
fn the_configuration_is_mounted_as_a_directory() -> Result<()> {
    for rendering in renderings::all()? {
        let mounts = rendering.objects.container()?["volumeMounts"].as_array();
        let mount = json!({"name": "config", "mountPath": "/etc/config", "readOnly": true});
        ensure!(
            mounts.is_some_and(|all| all.contains(&mount)),
            "{}: {mounts:?}",
            rendering.name()
        );
        let arguments = rendering.objects.arguments()?;
        ensure!(
            arguments.contains(&"--config=/etc/config/config.yaml".to_owned()),
            "{arguments:?}"
        );
    }
    Ok(())
}

#[test]
fn it_runs_on_every_node_in_the_namespaces_of_the_node() -> Result<()> {
    for rendering in renderings::all()? {
        let pod = rendering.objects.pod_spec()?;
        for (field, expected) in [
            ("tolerations", json!([{"operator": "Exists"}])),
            ("nodeSelector", json!({"kubernetes.io/os": "linux"})),
            ("hostPID", json!(true)),
            ("hostNetwork", json!(true)),
            ("dnsPolicy", json!("ClusterFirstWithHostNet")),
            ("hostIPC", json!(null)),
        ] {
            ensure!(
                pod[field] == expected,
                "{}: {field}: {}",
                rendering.name(),
                pod[field]
            );
        }
        let priority = &pod["priorityClassName"];
        let expected = rendering.has("priority").then_some("system-node-critical");
        ensure!(priority.as_str() == expected, "{}: {priority}", rendering.name());
    }
    Ok(())
}

#[test]
fn an_update_goes_over_a_percentage_of_the_nodes_at_a_time() -> Result<()> {
    let objects = renderings::of("base", &[])?;
    let strategy = &objects.one("DaemonSet")?["spec"]["updateStrategy"];
    ensure!(strategy["type"] == "RollingUpdate", "{strategy}");
    let at_once = strategy["rollingUpdate"]["maxUnavailable"]
        .as_str()
        .unwrap_or_default();
    ensure!(at_once.ends_with('%'), "{strategy}");
    Ok(())
}

#[test]
fn it_is_told_its_node_and_its_pod() -> Result<()> {
    let objects = renderings::of("base", &[])?;
    let expected = json!([
        {"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
        {"name": "POD_UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}},
    ]);
    assert_eq!(objects.container()?["env"], expected);
    Ok(())
}

#[test]
fn the_kubelet_asks_the_port_that_the_configuration_names() -> Result<()> {
    let objects = renderings::of("base", &[])?;
    let container = objects.container()?;
    assert_eq!(
        container["ports"],
        json!([{"name": "metrics", "containerPort": 9102}])
    );
    let config: Value = serde_yaml::from_str(objects.config()?)?;
    assert_eq!(config["port"], 9102);
    for (probe, path) in [
        ("startupProbe", "/healthz"),
        ("livenessProbe", "/healthz"),
        ("readinessProbe", "/readyz"),
    ] {
        let asked = json!({"path": path, "port": "metrics"});
        ensure!(
            container[probe]["httpGet"] == asked,
            "{probe}: {}",
            container[probe]
        );
    }
    let startup = &container["startupProbe"];
    let seconds = startup["periodSeconds"]
        .as_u64()
        .zip(startup["failureThreshold"].as_u64());
    ensure!(
        seconds.is_some_and(|(period, times)| period * times >= 60),
        "{startup}"
    );
    Ok(())
}

/// Those of docs/overhead.md: 25 MiB resident, 32 MiB of maps.
#[test]
fn the_memory_limit_has_room_for_both_budgets() -> Result<()> {
    let objects = renderings::of("base", &[])?;
    let resources = &objects.container()?["resources"];
    let mebibytes = |of: &str| -> Result<u64> {
        let text = resources[of]["memory"].as_str().unwrap_or_default();
        let number = text
            .strip_suffix("Mi")
            .with_context(|| format!("{of}: {text:?}"))?;
        Ok(number.parse()?)
    };
    ensure!(mebibytes("limits")? >= 2 * (25 + 32), "{resources}");
    ensure!(mebibytes("requests")? >= 25, "{resources}");
    ensure!(resources["requests"]["cpu"].is_string(), "{resources}");
    Ok(())
}

#[test]
fn registry_and_tag_are_set_in_one_place_and_can_be_set_in_an_overlay() -> Result<()> {
    let objects = renderings::of("base", &[])?;
    let version = env!("CARGO_PKG_VERSION");
    let container = objects.container()?;
    assert_eq!(container["image"], format!("kubeskoop-exporter:{version}"));
    assert_eq!(container["imagePullPolicy"], "IfNotPresent");
    let image = |objects: &Objects| -> Result<String> {
        match objects.container()?["image"].as_str() {
            Some(image) => Ok(image.to_owned()),
            None => bail!("no image"),
        }
    };
    let own = "images: [{name: kubeskoop-exporter, newName: registry.example/net/exporter, newTag: v9}]\n";
    for resource in ["base", "overlays/plain"] {
        let objects = render_with(resource, &["no-bpf"], own)?;
        assert_eq!(image(&objects)?, "registry.example/net/exporter:v9");
    }
    let manifest = text("deploy/kustomize/base/daemonset.yaml")?;
    assert_eq!(manifest.matches("image: kubeskoop-exporter\n").count(), 1);
    Ok(())
}
