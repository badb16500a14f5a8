//! What the API server says of the pods of this node. This is the only place names come from.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::Serialize;

/// A pod as the API server knows it.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Pod {
    /// Its UID.
    pub uid: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its address, empty while it has none.
    pub ip: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// It is in the network namespace of the host.
    pub is_host_network: bool,
    /// Of a static pod the hash of its configuration, which stands for the UID in its cgroups
    /// (annotation `kubernetes.io/config.hash` of its mirror pod).
    pub config_hash: Option<String>,
}

/// The pods of this node, as of one moment.
#[derive(Debug, Default, Clone)]
pub struct Pods {
    /// By UID.
    known: FxHashMap<String, Arc<Pod>>,
    /// Static pods, by the hash of their configuration.
    of_configurations: FxHashMap<String, Arc<Pod>>,
    /// The UID of each namespace and name.
    names: FxHashMap<(String, String), String>,
}

impl Pods {
    /// The pod whose cgroups are named after this UID or, with a static pod, configuration hash.
    pub fn of_cgroup(&self, uid: &str) -> Option<&Arc<Pod>> {
        self.known.get(uid).or_else(|| self.of_configurations.get(uid))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// `true` if there is none.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Takes in a pod, in place of the one that had its UID or its name.
    pub fn insert(&mut self, pod: Pod) {
        let name = (pod.namespace.clone(), pod.name.clone());
        if let Some(before) = self.names.get(&name).cloned() {
            self.remove(&before);
        }
        self.remove(&pod.uid);
        let pod = Arc::new(pod);
        self.names.insert(name, pod.uid.clone());
        if let Some(hash) = &pod.config_hash {
            self.of_configurations.insert(hash.clone(), Arc::clone(&pod));
        }
        self.known.insert(pod.uid.clone(), pod);
    }

    /// Forgets a pod.
    pub fn remove(&mut self, uid: &str) {
        let Some(pod) = self.known.remove(uid) else {
            return;
        };
        self.names.remove(&(pod.namespace.clone(), pod.name.clone()));
        if let Some(hash) = &pod.config_hash
            && self.of_configurations.get(hash).is_some_and(|it| it.uid == uid)
        {
            self.of_configurations.remove(hash);
        }
    }
}

impl FromIterator<Pod> for Pods {
    fn from_iter<T: IntoIterator<Item = Pod>>(pods: T) -> Self {
        let mut all = Self::default();
        pods.into_iter().for_each(|pod| all.insert(pod));
        all
    }
}

/// How network namespaces are told apart.
#[derive(Debug, Default, Clone)]
pub enum Naming {
    /// A host without Kubernetes: every namespace, by the label `netns`.
    #[default]
    Plain,
    /// A node of a cluster: the namespaces of pods that the API server names.
    Kubernetes(Arc<Pods>),
}

impl Naming {
    /// Whether one of the pods whose cgroups are named after these UIDs has a name.
    pub fn names_any(&self, uids: &[String]) -> bool {
        match self {
            Self::Plain => false,
            Self::Kubernetes(pods) => uids.iter().any(|uid| pods.of_cgroup(uid).is_some()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(uid: &str, name: &str, config_hash: Option<&str>) -> Pod {
        Pod {
            uid: uid.into(),
            namespace: "web".into(),
            name: name.into(),
            config_hash: config_hash.map(str::to_owned),
            ..Pod::default()
        }
    }

    #[test]
    fn of_two_pods_of_one_name_the_later_one_stays() {
        let mut pods = Pods::from_iter([pod("old", "db-0", None), pod("other", "front", None)]);
        pods.insert(pod("new", "db-0", None));
        assert!(pods.of_cgroup("old").is_none());
        assert_eq!(pods.of_cgroup("new").map(|it| it.name.as_str()), Some("db-0"));
        assert_eq!(pods.len(), 2);
        pods.remove("old");
        assert!(pods.of_cgroup("new").is_some());
    }

    #[test]
    fn a_static_pod_is_found_by_its_uid_and_by_its_configuration_hash() {
        let mut pods = Pods::from_iter([pod("mirror", "etcd", Some("hash"))]);
        for uid in ["mirror", "hash"] {
            assert_eq!(pods.of_cgroup(uid).map(|it| it.name.as_str()), Some("etcd"));
        }
        pods.insert(pod("mirror-2", "etcd", Some("hash-2")));
        assert!(pods.of_cgroup("hash").is_none());
        assert!(pods.of_cgroup("hash-2").is_some());
        pods.remove("mirror-2");
        assert!(pods.is_empty() && pods.of_cgroup("hash-2").is_none());
    }
}
