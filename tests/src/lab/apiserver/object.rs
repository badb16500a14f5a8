//! Pods as the API server describes them, of the size that they have in clusters.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Map, Value, json};

const CREATED: &str = "2026-03-02T09:21:07Z";

/// A pod; what is not said is as with most pods: running, two containers, an address of its own.
#[derive(Clone, Debug)]
pub struct PodObject {
    namespace: String,
    name: String,
    uid: String,
    pub(super) node: String,
    ip: String,
    phase: String,
    host_network: bool,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    init_containers: Vec<String>,
    containers: Vec<String>,
}

/// A UID that no other pod of this test program has.
pub fn new_uid() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("{:08x}-50d0-4000-8000-{number:012x}", std::process::id())
}

impl PodObject {
    /// A running pod on no node yet, with a UID of its own.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            uid: new_uid(),
            node: String::new(),
            ip: "10.244.3.17".to_owned(),
            phase: "Running".to_owned(),
            host_network: false,
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            init_containers: Vec::new(),
            containers: vec!["main".to_owned(), "proxy".to_owned()],
        }
    }

    /// The node it is bound to.
    #[must_use]
    pub fn node(mut self, node: &str) -> Self {
        node.clone_into(&mut self.node);
        self
    }

    /// Its UID.
    #[must_use]
    pub fn with_uid(mut self, uid: &str) -> Self {
        uid.clone_into(&mut self.uid);
        self
    }

    /// Its address; empty: it has none yet.
    #[must_use]
    pub fn ip(mut self, ip: &str) -> Self {
        ip.clone_into(&mut self.ip);
        self
    }

    /// Whether it shares the network namespace of the node.
    #[must_use]
    pub fn host_network(mut self, shares: bool) -> Self {
        self.host_network = shares;
        self
    }

    /// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
    #[must_use]
    pub fn phase(mut self, phase: &str) -> Self {
        phase.clone_into(&mut self.phase);
        self
    }

    /// Sets a label.
    #[must_use]
    pub fn label(mut self, name: &str, value: &str) -> Self {
        self.labels.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Sets an annotation.
    #[must_use]
    pub fn annotation(mut self, name: &str, value: &str) -> Self {
        self.annotations.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Names its containers.
    #[must_use]
    pub fn containers(mut self, names: &[&str]) -> Self {
        self.containers = names.iter().map(|&name| name.to_owned()).collect();
        self
    }

    /// Names its init containers, all of which have ended.
    #[must_use]
    pub fn init_containers(mut self, names: &[&str]) -> Self {
        self.init_containers = names.iter().map(|&name| name.to_owned()).collect();
        self
    }

    /// Makes it the mirror of a static pod: its cgroup has the hash, not the UID of the mirror.
    #[must_use]
    pub fn mirror_of(self, hash: &str) -> Self {
        self.annotation("kubernetes.io/config.hash", hash)
            .annotation("kubernetes.io/config.mirror", hash)
            .annotation("kubernetes.io/config.source", "file")
            .annotation("kubernetes.io/config.seen", CREATED)
    }

    /// Its UID.
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    pub(super) fn key(&self) -> (String, String) {
        (self.namespace.clone(), self.name.clone())
    }

    /// The object, without a resource version.
    pub fn json(&self) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": self.name,
                "namespace": self.namespace,
                "uid": self.uid,
                "creationTimestamp": CREATED,
                "generation": 1,
                "labels": self.labels,
                "annotations": self.annotations,
                "ownerReferences": [{
                    "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("{}-rs", self.name),
                    "uid": "0c1f9a7e-55d1-4c4c-9d0b-2b1f5f6f0d11",
                    "controller": true, "blockOwnerDeletion": true,
                }],
                "managedFields": self.managed_fields(),
            },
            "spec": self.spec(),
            "status": self.status(),
        })
    }

    fn spec(&self) -> Value {
        let tolerations = ["not-ready", "unreachable"].map(|taint| {
            json!({"key": format!("node.kubernetes.io/{taint}"), "operator": "Exists",
                   "effect": "NoExecute", "tolerationSeconds": 300})
        });
        let mut spec = json!({
            "initContainers": self.init_containers.iter().map(|name| container(name)).collect::<Value>(),
            "containers": self.containers.iter().map(|name| container(name)).collect::<Value>(),
            "volumes": [
                {"name": "settings", "configMap": {"name": "settings", "defaultMode": 420}},
                {"name": "kube-api-access-x7k2p", "projected": {"defaultMode": 420, "sources": [
                    {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                    {"configMap": {"name": "kube-root-ca.crt",
                                   "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                ]}},
            ],
            "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
            "serviceAccountName": "default", "serviceAccount": "default", "nodeName": self.node,
            "securityContext": {}, "schedulerName": "default-scheduler", "enableServiceLinks": true,
            "priority": 0, "preemptionPolicy": "PreemptLowerPriority",
            "tolerations": tolerations,
        });
        // The API server leaves the field out where it is false.
        if self.host_network {
            spec["hostNetwork"] = Value::Bool(true);
        }
        spec
    }

    fn status(&self) -> Value {
        let conditions = [
            "PodReadyToStartContainers",
            "Initialized",
            "Ready",
            "ContainersReady",
        ];
        let mut status = json!({
            "phase": self.phase, "startTime": CREATED, "qosClass": "Burstable",
            "hostIP": "192.0.2.10", "hostIPs": [{"ip": "192.0.2.10"}],
            "conditions": conditions.map(|kind| json!({
                "type": kind, "status": "True", "lastProbeTime": null, "lastTransitionTime": CREATED,
            })),
            "initContainerStatuses": self.init_containers.iter().map(|name| container_status(name, true)).collect::<Value>(),
            "containerStatuses": self.containers.iter().map(|name| container_status(name, false)).collect::<Value>(),
        });
        if !self.ip.is_empty() {
            status["podIP"] = json!(self.ip);
            status["podIPs"] = json!([{"ip": self.ip}]);
        }
        status
    }

    /// Who has set which field: about half of what a real pod is.
    fn managed_fields(&self) -> Value {
        let owned = |names: &[&str]| -> Map<String, Value> {
            names
                .iter()
                .map(|name| (format!("f:{name}"), json!({})))
                .collect()
        };
        let per_container: Map<String, Value> = self
            .containers
            .iter()
            .map(|name| {
                let mut fields = owned(&[
                    "command",
                    "image",
                    "imagePullPolicy",
                    "livenessProbe",
                    "name",
                    "ports",
                    "readinessProbe",
                    "resources",
                    "terminationMessagePath",
                    "terminationMessagePolicy",
                    "volumeMounts",
                    "securityContext",
                ]);
                fields.insert(
                    "f:env".to_owned(),
                    Value::Object(
                        VARIABLES
                            .iter()
                            .map(|name| {
                                (
                                    format!("k:{{\"name\":\"{name}\"}}"),
                                    json!({".": {}, "f:name": {}, "f:value": {}}),
                                )
                            })
                            .collect(),
                    ),
                );
                (format!("k:{{\"name\":\"{name}\"}}"), Value::Object(fields))
            })
            .collect();
        json!([
            {"manager": "kube-controller-manager", "operation": "Update", "apiVersion": "v1",
             "time": CREATED, "fieldsType": "FieldsV1", "fieldsV1": {
                "f:metadata": {"f:labels": owned(&["app", "pod-template-hash"]), "f:ownerReferences": {}},
                "f:spec": {"f:containers": per_container, "f:settings": owned(&[
                    "dnsPolicy", "enableServiceLinks", "restartPolicy", "schedulerName",
                    "securityContext", "terminationGracePeriodSeconds", "volumes", "tolerations",
                ])}}},
            {"manager": "kubelet", "operation": "Update", "apiVersion": "v1", "time": CREATED,
             "fieldsType": "FieldsV1", "subresource": "status", "fieldsV1": {
                "f:status": {"f:conditions": {
                    "k:{\"type\":\"Ready\"}": owned(&["lastProbeTime", "lastTransitionTime", "status", "type"]),
                    "k:{\"type\":\"Initialized\"}": owned(&["lastProbeTime", "lastTransitionTime", "status", "type"]),
                    "k:{\"type\":\"ContainersReady\"}": owned(&["lastProbeTime", "lastTransitionTime", "status", "type"]),
                }, "f:rest": owned(&["containerStatuses", "hostIP", "hostIPs", "phase", "podIP", "podIPs", "startTime"])}}},
        ])
    }
}

const VARIABLES: [&str; 12] = [
    "LOG_LEVEL",
    "LISTEN_ADDRESS",
    "DATABASE_HOST",
    "DATABASE_PORT",
    "CACHE_SIZE",
    "WORKERS",
    "REGION",
    "ZONE",
    "FEATURE_FLAGS",
    "TRACE_ENDPOINT",
    "TRACE_RATIO",
    "SHUTDOWN_TIMEOUT",
];

fn container(name: &str) -> Value {
    let probe = json!({"httpGet": {"path": "/healthz", "port": 8080, "scheme": "HTTP"},
        "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3});
    json!({
        "name": name,
        "image": format!("registry.example/team/{name}:v1.14.2"),
        "imagePullPolicy": "IfNotPresent",
        "command": ["/usr/local/bin/server", "--config=/etc/settings/server.yaml"],
        "env": VARIABLES.map(|variable| json!({"name": variable, "value": format!("of-{name}")})),
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "resources": {"limits": {"memory": "512Mi"}, "requests": {"cpu": "100m", "memory": "256Mi"}},
        "livenessProbe": probe, "readinessProbe": probe,
        "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
        "volumeMounts": [
            {"name": "settings", "mountPath": "/etc/settings", "readOnly": true},
            {"name": "kube-api-access-x7k2p", "readOnly": true,
             "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"},
        ],
        "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
    })
}

fn container_status(name: &str, has_ended: bool) -> Value {
    let id = format!("containerd://{}", "6f0d".repeat(16));
    let state = if has_ended {
        json!({"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": CREATED,
                              "finishedAt": CREATED, "containerID": id}})
    } else {
        json!({"running": {"startedAt": CREATED}})
    };
    json!({
        "name": name, "state": state, "lastState": {}, "ready": true, "restartCount": 0,
        "started": !has_ended, "containerID": id,
        "image": format!("registry.example/team/{name}:v1.14.2"),
        "imageID": format!("registry.example/team/{name}@sha256:{}", "9ae3".repeat(16)),
    })
}
