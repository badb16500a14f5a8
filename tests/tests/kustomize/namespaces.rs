//! Where objects go, and who may read pods.

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::files::text;
use kubeskoop_exporter_tests::lab::kustomize::{Objects, render_with};
use serde_json::{Value, json};

use crate::renderings::{self, OVERLAYS};

const WITHOUT_NAMESPACE: [&str; 4] = [
    "ClusterRole",
    "ClusterRoleBinding",
    "Namespace",
    "SecurityContextConstraints",
];

#[test]
fn the_base_and_the_components_name_no_namespace() -> Result<()> {
    for rendering in renderings::all()?.iter().filter(|it| it.resource == "base") {
        for object in &rendering.objects.0 {
            ensure!(
                object["metadata"]["namespace"].is_null(),
                "{}: {object}",
                rendering.name()
            );
            ensure!(object["kind"] != "Namespace", "{}: {object}", rendering.name());
        }
    }
    Ok(())
}

#[test]
fn a_namespace_set_in_one_place_is_that_of_every_object_and_subject() -> Result<()> {
    let all = render_with("base", &renderings::COMPONENTS, "namespace: elsewhere\n")?;
    is_all_in(&all, "elsewhere")?;
    for (overlay, namespace) in OVERLAYS
        .into_iter()
        .zip(["monitoring", "monitoring", "kubeskoop"])
    {
        is_all_in(renderings::of(overlay, &[])?, namespace).context(overlay)?;
    }
    Ok(())
}

fn is_all_in(objects: &Objects, namespace: &str) -> Result<()> {
    for object in &objects.0 {
        let kind = object["kind"].as_str().unwrap_or_default();
        if !WITHOUT_NAMESPACE.contains(&kind) {
            ensure!(object["metadata"]["namespace"] == namespace, "{object}");
        }
        if kind.ends_with("RoleBinding") || kind == "ClusterRoleBinding" {
            let account = json!({
                "kind": "ServiceAccount", "name": "kubeskoop-exporter", "namespace": namespace
            });
            ensure!(object["subjects"] == json!([account]), "{object}");
        }
    }
    Ok(())
}

/// An overlay that goes into a namespace of others neither makes nor, when deleted, removes it.
#[test]
fn each_overlay_labels_its_own_namespace_or_says_how_to_label_the_one_there_is() -> Result<()> {
    const LABEL: &str = "pod-security.kubernetes.io/enforce";
    let plain = renderings::of("overlays/plain", &[])?;
    let namespace = plain.one("Namespace")?;
    assert_eq!(namespace["metadata"]["name"], "kubeskoop");
    assert_eq!(namespace["metadata"]["labels"][LABEL], "privileged");
    for overlay in ["overlays/kube-prometheus", "overlays/kube-prometheus-stack"] {
        assert_eq!(
            renderings::of(overlay, &[])?.all("Namespace"),
            Vec::<&Value>::new()
        );
        let manifest = text(&format!("deploy/kustomize/{overlay}/kustomization.yaml"))?;
        let command = format!("kubectl label namespace monitoring {LABEL}=privileged");
        ensure!(manifest.contains(&command), "{overlay} does not say {command}");
    }
    Ok(())
}

#[test]
fn it_may_read_pods_and_nothing_else() -> Result<()> {
    for rendering in renderings::all()? {
        let role = rendering.objects.one("ClusterRole")?;
        let pods = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}]);
        ensure!(role["rules"] == pods, "{}: {role}", rendering.name());
        let binding = rendering.objects.one("ClusterRoleBinding")?;
        ensure!(
            binding["roleRef"]["name"] == role["metadata"]["name"],
            "{binding}"
        );
        let account = rendering.objects.one("ServiceAccount")?;
        let pod = rendering.objects.pod_spec()?;
        ensure!(pod["serviceAccountName"] == account["metadata"]["name"], "{pod}");
        ensure!(
            binding["subjects"][0]["name"] == account["metadata"]["name"],
            "{binding}"
        );
        let roles = rendering.objects.all("Role");
        ensure!(
            roles.is_empty() != rendering.has("openshift"),
            "{}: {roles:?}",
            rendering.name()
        );
    }
    Ok(())
}
