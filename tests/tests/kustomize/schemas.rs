//! Every object against the schemas of Kubernetes and of the Prometheus operator.

use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use kubeskoop_exporter_tests::lab::command::output;
use kubeskoop_exporter_tests::lab::tools::{tool, workspace_root};
use serde_json::{Value, json};

use crate::renderings;

/// The field that Kubernetes 1.30 brought, which 1.28 refuses.
const APPARMOR_FIELD: &str = "apparmor-field";

#[test]
fn every_object_passes_strict_validation_of_kubernetes_1_28() -> Result<()> {
    every_object_passes("1.28", |rendering| !rendering.has(APPARMOR_FIELD))
}

#[test]
fn every_object_passes_strict_validation_of_the_newest_kubernetes() -> Result<()> {
    every_object_passes("newest", |_| true)
}

#[test]
fn only_the_apparmor_field_is_beyond_kubernetes_1_28() -> Result<()> {
    let objects = renderings::of("base", &[APPARMOR_FIELD])?;
    let daemonset = json!([{"of": APPARMOR_FIELD, "object": objects.one("DaemonSet")?}]);
    let refused = format!("{:#}", refused(&daemonset, "1.28")?);
    ensure!(refused.contains("'appArmorProfile' was unexpected"), "{refused}");
    validate(&daemonset, "1.30").map(|_| ())
}

/// Without this the other tests could pass for any object.
#[test]
fn an_unknown_field_and_a_wrong_type_are_refused() -> Result<()> {
    let objects = renderings::of("base", &["prometheus-operator"])?;
    for (kind, path, wrong) in [
        (
            "DaemonSet",
            "/spec/template/spec/containers/0",
            json!({"name": "exporter", "images": "x"}),
        ),
        ("DaemonSet", "/spec/template/spec/hostPID", json!("yes")),
        ("Service", "/spec/ports/0/port", json!("9102")),
        (
            "ServiceMonitor",
            "/spec/endpoints/0",
            json!({"port": "metrics", "honourLabels": true}),
        ),
        (
            "ServiceMonitor",
            "/spec/endpoints/0/interval",
            json!("30 seconds"),
        ),
        (
            "ServiceMonitor",
            "/spec/endpoints/0/relabelings/1/action",
            json!("labeldrp"),
        ),
        (
            "PrometheusRule",
            "/spec/groups/0/rules/0",
            json!({"alert": "A", "expr": "up", "four": "15m"}),
        ),
        ("PrometheusRule", "/spec/groups/0/rules/0/for", json!("a while")),
    ] {
        let mut object = objects.one(kind)?.clone();
        *object
            .pointer_mut(path)
            .with_context(|| format!("{kind}: no {path}"))? = wrong;
        let refused = format!(
            "{:#}",
            refused(&json!([{"of": "test", "object": object}]), "newest")?
        );
        ensure!(refused.contains(kind), "{kind} {path}: {refused}");
    }
    Ok(())
}

fn every_object_passes(version: &str, which: impl Fn(&renderings::Rendering) -> bool) -> Result<()> {
    let mut objects = Vec::new();
    for rendering in renderings::all()?.iter().filter(|rendering| which(rendering)) {
        for object in &rendering.objects.0 {
            objects.push(json!({"of": rendering.name(), "object": object}));
        }
    }
    let said = validate(&Value::from(objects), version)?;
    ensure!(said.contains(" objects against "), "{said}");
    Ok(())
}

fn refused(objects: &Value, version: &str) -> Result<anyhow::Error> {
    match validate(objects, version) {
        Ok(said) => bail!("accepted: {said}"),
        Err(error) => Ok(error),
    }
}

fn validate(objects: &Value, version: &str) -> Result<String> {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), objects.to_string())?;
    let python = tool("manifests/bin/python")?;
    let mut command = Command::new(&python);
    command
        .arg(workspace_root()?.join("tests/manifests/validate.py"))
        .arg(file.path())
        .arg(version)
        .arg(workspace_root()?.join("target/tools/manifests/schemas"));
    output(&mut command)
}
