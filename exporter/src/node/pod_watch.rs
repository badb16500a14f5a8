//! The names of the pods of this node, from the API server: one list, then a watch.
//!
//! [`PodNames`] is what everybody else sees: the pods as last known, whether they are in sync, and
//! a way to ask for UIDs that nobody has named yet. [`PodWatch`] keeps it up to date.

mod access;
mod asked;
mod backoff;
mod follow;
mod names;
mod object;

pub use access::is_in_cluster;
pub use names::{PodNames, WatchStatus};

use tokio::sync::watch;

/// Which pods are watched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WatchSettings {
    /// Whether any are: without, this is a plain host.
    pub is_wanted: bool,
    /// Their node, as the API server calls it.
    pub node_name: String,
}

/// The task that keeps the names up to date; it ends with this.
#[derive(Debug)]
pub struct PodWatch {
    names: PodNames,
    settings: watch::Sender<WatchSettings>,
}

impl PodWatch {
    /// Starts it on the runtime of the caller.
    pub fn start(settings: WatchSettings) -> Self {
        let names = PodNames::default();
        names.begin_anew(settings.is_wanted);
        let (settings, receiver) = watch::channel(settings);
        tokio::spawn(follow::follow(names.clone(), receiver));
        Self { names, settings }
    }

    /// The names it keeps.
    pub fn names(&self) -> PodNames {
        self.names.clone()
    }

    /// From now on watches other pods, if these settings are others.
    pub fn configure(&self, settings: WatchSettings) {
        self.settings.send_if_modified(|now| {
            if *now == settings {
                return false;
            }
            // Nobody is to see the pods of another node, or a plain host, until the task wakes up.
            self.names.begin_anew(settings.is_wanted);
            *now = settings;
            true
        });
    }
}
