//! What all connections of a server share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::fault::Fault;
use super::line::Line;
use super::store::Store;

/// What a request asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// All pods of a node.
    List,
    /// Their changes.
    Watch,
    /// Anything else, refused; also what came on a connection that has asked nothing.
    #[default]
    Other,
}

/// A request that came. What it had for authorization is not kept.
#[derive(Clone, Debug)]
pub struct Request {
    /// When its header was read.
    pub at: Instant,
    /// What it asked for.
    pub kind: Kind,
    /// Its method.
    pub method: String,
    /// Its path without the query.
    pub path: String,
    /// Its query.
    pub query: BTreeMap<String, String>,
    /// Who says to ask.
    pub user_agent: String,
    /// Whether it had a field for authorization.
    pub has_authorization: bool,
    /// The status of the answer, once there is one.
    pub status: Option<u16>,
}

/// Bytes on the wire, as the server sees them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// From clients.
    pub received: u64,
    /// To clients.
    pub sent: u64,
}

/// Changed by tests, read by connections.
#[derive(Debug)]
pub struct State {
    pub store: Store,
    pub fault: Option<Fault>,
    /// How often open watches were told to end.
    pub ends: u64,
    /// How often bookmarks were asked for.
    pub bookmarks: u64,
    /// Tokens that are accepted; none: whoever asks.
    pub tokens: Option<Vec<String>>,
    pub bookmark_interval: Duration,
    pub requests: Vec<Request>,
    pub traffic: BTreeMap<Kind, Traffic>,
    pub open_watches: usize,
    /// When connections came.
    pub attempts: Vec<Instant>,
    pub lines: Vec<Weak<Line>>,
}

impl State {
    /// Lets all connections go dead.
    pub fn kill_lines(&mut self) {
        for line in self.lines.drain(..).filter_map(|line| line.upgrade()) {
            line.die();
        }
    }
}

/// The state, and a bell that rings when it has changed.
#[derive(Debug)]
pub struct Shared {
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

impl Shared {
    pub fn new(token: &str) -> Arc<Self> {
        let state = State {
            store: Store::new(),
            fault: None,
            ends: 0,
            bookmarks: 0,
            tokens: Some(vec![token.to_owned()]),
            bookmark_interval: Duration::from_mins(1),
            requests: Vec::new(),
            traffic: BTreeMap::new(),
            open_watches: 0,
            attempts: Vec::new(),
            lines: Vec::new(),
        };
        Arc::new(Self {
            state: Mutex::new(state),
            changed: watch::Sender::new(()),
        })
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what connections are to see at once.
    pub fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.lock());
        self.changed.send_replace(());
        result
    }

    pub fn bell(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }
}
