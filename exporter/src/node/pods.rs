//! What the API server says of the pods of this node. This is the only place names come from.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// A pod as the API server knows it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Pod {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its address, empty while it has none.
    pub ip: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

/// The pods of this node by UID, as of one moment.
#[derive(Debug, Default, Clone)]
pub struct Pods {
    by_uid: HashMap<String, Arc<Pod>>,
}

impl Pods {
    /// The pod with this UID.
    pub fn get(&self, uid: &str) -> Option<&Arc<Pod>> {
        self.by_uid.get(uid)
    }
}

impl FromIterator<(String, Pod)> for Pods {
    fn from_iter<T: IntoIterator<Item = (String, Pod)>>(pods: T) -> Self {
        Self {
            by_uid: pods.into_iter().map(|(uid, pod)| (uid, Arc::new(pod))).collect(),
        }
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
