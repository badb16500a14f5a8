//! What `kubectl kustomize` makes of the project's manifests.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;

use crate::lab::command;
use crate::lab::tools::{tool, workspace_root};

/// Where the manifests are, from the root of the workspace.
pub const MANIFESTS: &str = "deploy/kustomize";

/// The objects of one rendering, in order.
#[derive(Debug, Clone)]
pub struct Objects(pub Vec<Value>);

/// Renders `resource`, such as `base` or `overlays/plain`, with `components` in this order.
pub fn render(resource: &str, components: &[&str]) -> Result<Objects> {
    render_with(resource, components, "")
}

/// Like [`render`], in a kustomization that has further fields, as YAML.
pub fn render_with(resource: &str, components: &[&str], fields: &str) -> Result<Objects> {
    let directory = kustomization(resource, components, fields)?;
    Objects::parse(&build(directory.path())?)
}

/// The text that `kubectl kustomize` makes of a directory.
pub fn build(directory: &Path) -> Result<String> {
    let kubectl = tool("kubectl-1.32/kubectl")?;
    command::output(Command::new(kubectl).arg("kustomize").arg(directory))
}

/// A directory with a kustomization as a user would write it. It stands in the workspace, since
/// kustomize takes relative paths only.
fn kustomization(resource: &str, components: &[&str], fields: &str) -> Result<TempDir> {
    let root = workspace_root()?;
    let directory = tempfile::Builder::new()
        .prefix("kustomization-")
        .tempdir_in(root.join("target"))
        .context("cannot make a directory in target/")?;
    let components: Vec<String> = components
        .iter()
        .map(|name| format!("../../{MANIFESTS}/components/{name}"))
        .collect();
    let text = format!(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [../../{MANIFESTS}/{resource}]\n\
         components: [{}]\n{fields}",
        components.join(", ")
    );
    std::fs::write(directory.path().join("kustomization.yaml"), text)?;
    Ok(directory)
}

impl Objects {
    /// Reads a stream of YAML documents.
    pub fn parse(yaml: &str) -> Result<Self> {
        let objects: Result<Vec<Value>, _> = serde_yaml::Deserializer::from_str(yaml)
            .map(Value::deserialize)
            .collect();
        let mut objects = objects.with_context(|| format!("no YAML: {yaml}"))?;
        objects.retain(|object| !object.is_null());
        ensure!(!objects.is_empty(), "nothing is rendered");
        Ok(Self(objects))
    }

    /// All objects of a kind.
    pub fn all(&self, kind: &str) -> Vec<&Value> {
        self.0.iter().filter(|object| object["kind"] == kind).collect()
    }

    /// The one object of a kind.
    pub fn one(&self, kind: &str) -> Result<&Value> {
        let all = self.all(kind);
        ensure!(all.len() == 1, "{} objects are a {kind}", all.len());
        Ok(all[0])
    }

    /// The pod that the `DaemonSet` starts on each node.
    pub fn pod_spec(&self) -> Result<&Value> {
        let spec = &self.one("DaemonSet")?["spec"]["template"]["spec"];
        ensure!(spec.is_object(), "no pod: {spec}");
        Ok(spec)
    }

    /// Its only container.
    pub fn container(&self) -> Result<&Value> {
        let pod = self.pod_spec()?;
        let containers = pod["containers"].as_array().context("no containers")?;
        ensure!(
            containers.len() == 1 && pod["initContainers"].is_null(),
            "not one container: {pod}"
        );
        Ok(&containers[0])
    }

    /// What the container may do.
    pub fn security_context(&self) -> Result<&Value> {
        let context = &self.container()?["securityContext"];
        ensure!(context.is_object(), "no securityContext");
        Ok(context)
    }

    /// The capabilities that are added, without `CAP_`, in order.
    pub fn capabilities(&self) -> Result<Vec<String>> {
        strings(&self.security_context()?["capabilities"]["add"])
    }

    /// The arguments of the exporter.
    pub fn arguments(&self) -> Result<Vec<String>> {
        strings(&self.container()?["args"])
    }

    /// The configuration file in the `ConfigMap`.
    pub fn config(&self) -> Result<&str> {
        let config = self
            .all("ConfigMap")
            .into_iter()
            .find(|object| object["metadata"]["name"] == "kubeskoop-config")
            .context("no ConfigMap kubeskoop-config")?;
        config["data"]["config.yaml"].as_str().context("no config.yaml")
    }
}

/// The strings of an array.
pub fn strings(value: &Value) -> Result<Vec<String>> {
    let values = value.as_array().with_context(|| format!("no array: {value}"))?;
    values
        .iter()
        .map(|value| value.as_str().map(str::to_owned))
        .collect::<Option<_>>()
        .with_context(|| format!("not only strings: {value}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn finds_the_objects_of_a_stream() {
        let objects = Objects::parse("kind: A\n---\nkind: B\n---\nkind: B\n").unwrap();
        assert_eq!(objects.one("A").unwrap()["kind"], "A");
        assert_eq!(objects.all("B").len(), 2);
        assert!(objects.one("B").is_err());
        assert!(objects.container().is_err());
    }

    #[test]
    fn nothing_is_an_error() {
        assert!(Objects::parse("").is_err());
    }
}
