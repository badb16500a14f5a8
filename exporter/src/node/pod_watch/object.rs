//! What is decoded of a Pod: of some ten kilobytes a few hundred bytes.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::node::Pod;

/// `PodList` of the core API, version 1.
#[derive(Debug, Deserialize)]
pub struct PodList {
    pub metadata: ListMetadata,
    pub items: Vec<PodObject>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListMetadata {
    pub resource_version: String,
}

/// `Pod` of the core API, version 1.
#[derive(Debug, Clone, Deserialize)]
pub struct PodObject {
    metadata: Metadata,
    #[serde(default)]
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    uid: String,
    name: String,
    namespace: String,
    resource_version: String,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
    #[serde(default)]
    annotations: Option<Annotations>,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Annotations {
    #[serde(rename = "kubernetes.io/config.hash")]
    config_hash: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    #[serde(default)]
    host_network: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Status {
    #[serde(rename = "podIP", default)]
    pod_ip: String,
}

impl PodObject {
    /// The version of the whole cluster that this state of the pod came with.
    pub fn resource_version(&self) -> &str {
        &self.metadata.resource_version
    }

    /// Its UID.
    pub fn uid(&self) -> &str {
        &self.metadata.uid
    }
}

impl From<PodObject> for Pod {
    fn from(object: PodObject) -> Self {
        let PodObject {
            metadata,
            spec,
            status,
        } = object;
        Self {
            uid: metadata.uid,
            namespace: metadata.namespace,
            name: metadata.name,
            ip: status.pod_ip,
            labels: metadata.labels.unwrap_or_default(),
            is_host_network: spec.host_network,
            config_hash: metadata.annotations.and_then(|it| it.config_hash),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_is_decoded_with_what_is_used_and_without_what_it_lacks() {
        let text = r#"{"metadata":{"resourceVersion":"7"},"items":[
            {"metadata":{"uid":"u","name":"etcd","namespace":"kube-system","resourceVersion":"5",
              "labels":{"tier":"control-plane"},"managedFields":[{"manager":"kubelet"}],
              "annotations":{"kubernetes.io/config.hash":"h","other":"x"}},
             "spec":{"hostNetwork":true,"containers":[]},"status":{"podIP":"10.0.0.1","phase":"Running"}},
            {"metadata":{"uid":"v","name":"new","namespace":"web","resourceVersion":"6"},"spec":{"containers":[]}}]}"#;
        let list: PodList = serde_json::from_str(text).expect("a list");
        assert_eq!(list.metadata.resource_version, "7");
        let pods: Vec<Pod> = list.items.into_iter().map(Pod::from).collect();
        let etcd = Pod {
            uid: "u".into(),
            namespace: "kube-system".into(),
            name: "etcd".into(),
            ip: "10.0.0.1".into(),
            labels: [("tier".to_owned(), "control-plane".to_owned())].into(),
            is_host_network: true,
            config_hash: Some("h".into()),
        };
        let new = Pod {
            uid: "v".into(),
            namespace: "web".into(),
            name: "new".into(),
            ..Pod::default()
        };
        assert_eq!(pods, [etcd, new]);
    }
}
