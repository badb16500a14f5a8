//! What a kubelet makes of the `DaemonSet` on a node.

use anyhow::{Context, Result};
use serde_json::Value;

use super::{Container, PodSpec, Security};
use crate::lab::kustomize::{Objects, strings};

/// The pod that runs an exporter as the manifests say.
pub fn pod(objects: &Objects, name: &str, uid: &str) -> Result<PodSpec> {
    let spec = objects.pod_spec()?;
    Ok(PodSpec {
        namespace: "kubeskoop".to_owned(),
        name: name.to_owned(),
        uid: uid.to_owned(),
        host_network: spec["hostNetwork"] == true,
        host_pid: spec["hostPID"] == true,
    })
}

/// Its container, of an image, on the node `node`. What is mounted is left to the caller.
pub fn container(objects: &Objects, image: &str, node: &str, uid: &str) -> Result<Container> {
    let environment = objects.container()?["env"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let variable = |it: &Value| {
        let name = it["name"].as_str().context("a variable has no name")?;
        let value = match it["valueFrom"]["fieldRef"]["fieldPath"].as_str() {
            Some("spec.nodeName") => node,
            Some("metadata.uid") => uid,
            Some(other) => anyhow::bail!("the tests do not know {other}"),
            None => it["value"].as_str().context("a variable has no value")?,
        };
        Ok((name.to_owned(), value.to_owned()))
    };
    Ok(Container {
        name: "exporter".to_owned(),
        image: image.to_owned(),
        command: Vec::new(),
        args: objects.arguments()?,
        environment: environment.iter().map(variable).collect::<Result<_>>()?,
        mounts: Vec::new(),
        security: security(objects)?,
    })
}

fn security(objects: &Objects) -> Result<Security> {
    let own = objects.security_context()?;
    let of_pod = &objects.pod_spec()?["securityContext"];
    let profile = [own, of_pod].map(|context| &context["seccompProfile"]["type"]);
    let profile = profile.into_iter().find(|kind| kind.is_string());
    Ok(Security {
        add: objects.capabilities()?,
        drop: strings(&own["capabilities"]["drop"])?,
        seccomp: profile.is_some_and(|kind| kind == "RuntimeDefault"),
        read_only_root: own["readOnlyRootFilesystem"] == true,
        no_new_privileges: own["allowPrivilegeEscalation"] == false,
    })
}
