//! What is known of the pods, shared by the watch that learns and the collections that ask.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::Notify;

use super::asked::Asked;
use crate::node::{Naming, Pod, Pods};

/// The pods of this node as the API server last told of them.
#[derive(Debug, Clone, Default)]
pub struct PodNames {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    listed: Condvar,
    look: Notify,
}

#[derive(Debug, Default)]
struct State {
    is_wanted: bool,
    pods: Arc<Pods>,
    is_listed: bool,
    /// Why the watch is not in sync.
    trouble: Option<String>,
    asked: Asked,
    /// Somebody waits for a list that begins from now on.
    is_look_wanted: bool,
    lists_begun: u64,
    /// How many of those that were begun have an end, good or bad.
    lists_ended: u64,
}

/// How the watch fares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WatchStatus {
    /// What the API server has told is all there is, and it will tell of every change.
    pub in_sync: bool,
    /// How many pods are known; those last known stay while the API server is away.
    pub pods: usize,
    /// Why it is not in sync.
    pub reason: Option<String>,
}

impl PodNames {
    /// How namespaces are told apart now.
    pub fn naming(&self) -> Naming {
        let state = self.lock();
        if state.is_wanted {
            Naming::Kubernetes(Arc::clone(&state.pods))
        } else {
            Naming::Plain
        }
    }

    /// How the watch fares; none where pods are not watched.
    pub fn status(&self) -> Option<WatchStatus> {
        let state = self.lock();
        let pods = state.pods.len();
        state.is_wanted.then(|| WatchStatus {
            in_sync: state.is_in_sync(),
            pods,
            reason: match &state.trouble {
                None if !state.is_listed => Some("the API server has not answered yet".into()),
                trouble => trouble.clone(),
            },
        })
    }

    /// Has the API server asked about pods that are on the node and `unknown`, and waits for the
    /// answer, no longer than `patience`. A server that is known not to answer is not waited for, and
    /// none is asked too often.
    pub fn look(&self, unknown: &[String], patience: Duration) {
        let mut state = self.lock();
        let is_due = state.asked.is_due(unknown, Instant::now());
        if !is_due || !state.is_wanted || state.trouble.is_some() {
            return;
        }
        // A list that has begun may have been made before the pod was; of the first one that is no
        // concern, since it tells of all pods there were.
        let wanted = if state.is_listed { state.lists_begun + 1 } else { 1 };
        if state.is_listed {
            state.is_look_wanted = true;
            self.shared.look.notify_one();
        }
        let waits = |state: &mut State| state.lists_ended < wanted && state.trouble.is_none();
        drop(self.shared.listed.wait_timeout_while(state, patience, waits));
    }

    /// Until somebody looks for unknown pods.
    pub(super) async fn look_wanted(&self) {
        while !self.lock().is_look_wanted {
            self.shared.look.notified().await;
        }
    }

    /// Nothing is known, and it is known whether anything is to be.
    pub(super) fn begin_anew(&self, is_wanted: bool) {
        let mut state = self.lock();
        *state = State {
            is_wanted,
            ..State::default()
        };
    }

    pub(super) fn list_begins(&self) {
        let mut state = self.lock();
        state.lists_begun += 1;
        state.is_look_wanted = false;
    }

    /// These are all pods there are.
    pub(super) fn listed(&self, pods: Pods) {
        let mut state = self.lock();
        state.pods = Arc::new(pods);
        state.is_listed = true;
        state.lists_ended = state.lists_begun;
        drop(state);
        self.shared.listed.notify_all();
    }

    /// The watch stands.
    pub(super) fn in_sync(&self) {
        let trouble = self.lock().trouble.take();
        if trouble.is_some() {
            tracing::info!("the pods of this node are in sync with the API server again");
        }
    }

    pub(super) fn applied(&self, pod: Pod) {
        // A collection may hold the pods as they were.
        Arc::make_mut(&mut self.lock().pods).insert(pod);
    }

    pub(super) fn deleted(&self, uid: &str) {
        Arc::make_mut(&mut self.lock().pods).remove(uid);
    }

    /// The watch does not stand. What was known stays.
    pub(super) fn in_trouble(&self, reason: String) {
        let mut state = self.lock();
        if state.trouble.as_ref() != Some(&reason) {
            tracing::warn!("the pods of this node are not in sync with the API server: {reason}");
        }
        state.trouble = Some(reason);
        state.lists_ended = state.lists_begun;
        drop(state);
        self.shared.listed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_in_sync(&self) -> bool {
        self.is_listed && self.trouble.is_none()
    }
}
