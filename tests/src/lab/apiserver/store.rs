//! The pods that the server knows, and the latest of their changes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use hyper::body::Bytes;
use serde_json::Value;

use super::object::PodObject;

/// How many changes a watch can be resumed over. A real server keeps some hundreds to thousands.
const HISTORY: usize = 1000;

/// What a watch says of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Added,
    Modified,
    Deleted,
}

impl Change {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
        }
    }
}

/// A pod as of one revision.
#[derive(Debug)]
pub struct Stored {
    /// The node it is bound to, empty before that.
    pub node: String,
    /// The object as JSON.
    pub json: Bytes,
}

/// A change of one pod.
#[derive(Clone, Debug)]
pub struct Event {
    pub revision: u64,
    pub at: Instant,
    before: Option<Arc<Stored>>,
    after: Option<Arc<Stored>>,
    /// The last state with the revision of the deletion, as a watch sends it.
    last: Option<Arc<Stored>>,
}

impl Event {
    /// What a watch of this node's pods is told: a pod that gets its node later is new to it.
    pub fn seen_from(&self, node: &str) -> Option<(Change, &Arc<Stored>)> {
        let here = |pod: &&Arc<Stored>| pod.node == node;
        let (before, after) = (
            self.before.as_ref().filter(here),
            self.after.as_ref().filter(here),
        );
        match (before, after) {
            (None, None) => None,
            (None, Some(after)) => Some((Change::Added, after)),
            (Some(_), Some(after)) => Some((Change::Modified, after)),
            (Some(before), None) => Some((Change::Deleted, self.last.as_ref().unwrap_or(before))),
        }
    }
}

/// All pods of the cluster by namespace and name.
#[derive(Debug)]
pub struct Store {
    pods: BTreeMap<(String, String), Arc<Stored>>,
    events: VecDeque<Event>,
    revision: u64,
    /// The latest revision whose event is not kept.
    forgotten: u64,
}

impl Store {
    pub fn new() -> Self {
        let revision = 1000;
        Self {
            pods: BTreeMap::new(),
            events: VecDeque::new(),
            revision,
            forgotten: revision,
        }
    }

    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Adds the pod, or puts it in the place of the one with its name.
    pub fn put(&mut self, pod: &PodObject) {
        let after = self.next(pod);
        let before = self.pods.insert(pod.key(), Arc::clone(&after));
        self.remember(before, Some(after), None);
    }

    /// Whether there was one with its name.
    pub fn delete(&mut self, pod: &PodObject) -> bool {
        let Some(before) = self.pods.remove(&pod.key()) else {
            return false;
        };
        let last = self.next(pod);
        self.remember(Some(before), None, Some(last));
        true
    }

    /// The pods of a node behind the one with the key `after`, in their order.
    pub fn list(
        &self,
        node: &str,
        after: Option<&(String, String)>,
    ) -> Vec<(&(String, String), &Arc<Stored>)> {
        let all = self.pods.iter();
        all.filter(|(key, pod)| pod.node == node && after.is_none_or(|after| *key > after))
            .collect()
    }

    /// The changes after a revision; none if they are not kept any more.
    pub fn since(&self, revision: u64) -> Option<impl Iterator<Item = &Event>> {
        let events = self.events.iter();
        (revision >= self.forgotten).then(|| events.filter(move |event| event.revision > revision))
    }

    /// Forgets all changes, as etcd's compaction does every five minutes.
    pub fn compact(&mut self) {
        self.events.clear();
        self.forgotten = self.revision;
    }

    fn next(&mut self, pod: &PodObject) -> Arc<Stored> {
        self.revision += 1;
        let mut json = pod.json();
        json["metadata"]["resourceVersion"] = Value::String(self.revision.to_string());
        Arc::new(Stored {
            node: pod.node.clone(),
            json: json.to_string().into(),
        })
    }

    fn remember(
        &mut self,
        before: Option<Arc<Stored>>,
        after: Option<Arc<Stored>>,
        last: Option<Arc<Stored>>,
    ) {
        if self.events.len() == HISTORY
            && let Some(oldest) = self.events.pop_front()
        {
            self.forgotten = oldest.revision;
        }
        self.events.push_back(Event {
            revision: self.revision,
            at: Instant::now(),
            before,
            after,
            last,
        });
    }
}
