//! HTTP: who is listened to, for how long, and what is answered.

mod answer;
mod connections;
mod debug;
mod exposition;
mod listener;
mod router;
mod status;

pub use connections::Server;
pub use listener::{ListenError, Listener, overlaps};
pub use router::{Reload, ReloadOutcome, Router};

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::config::Loaded;

/// What is in force, and how the last change of it went.
#[derive(Debug)]
pub struct InForce {
    /// The configuration.
    pub loaded: Loaded,
    /// The same, as collections take it.
    pub config: Arc<crate::config::Config>,
    /// When it was loaded, as unix time.
    pub since: Duration,
    /// Why the newest file is not in force, if it is not.
    pub rejected: Option<String>,
}

/// The configuration that everybody reads.
pub type SharedConfig = Arc<ArcSwap<InForce>>;
