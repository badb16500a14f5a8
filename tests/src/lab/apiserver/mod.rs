//! An API server that knows pods only: lists and watches of those of one node, and every way in which
//! they go wrong.

mod answer;
mod body;
mod fault;
mod in_cluster;
mod kubeconfig;
mod line;
mod listener;
mod object;
mod state;
mod store;
mod tls;
mod watching;

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::net::TcpSocket;
use tokio::runtime;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

pub use self::fault::Fault;
pub use self::in_cluster::InCluster;
pub use self::kubeconfig::Kubeconfig;
pub use self::object::{PodObject, new_uid};
pub use self::state::{Kind, Request, Traffic};

use self::state::Shared;

/// A server on a port of loopback, which ends when it is dropped.
#[derive(Debug)]
pub struct ApiServer {
    address: SocketAddr,
    authority: Option<String>,
    token: String,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    _port: TcpSocket,
}

impl ApiServer {
    /// Starts one without pods that speaks plain HTTP.
    pub fn start() -> Result<Self> {
        Self::serving(None)
    }

    /// Starts one that speaks TLS, with a certificate by [`ApiServer::authority`].
    pub fn start_tls() -> Result<Self> {
        Self::serving(Some(tls::acceptor()?))
    }

    fn serving(tls: Option<(TlsAcceptor, String)>) -> Result<Self> {
        let (tls, authority) = tls.unzip();
        let token = format!("marked-token-{}", new_uid());
        let shared = Shared::new(&token);
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start a runtime")?;
        let (port, address, listener) = {
            let _entered = runtime.enter();
            let (port, address) = listener::reserve().context("no port for the API server")?;
            (port, address, listener::listen(address)?)
        };
        let (stop, stopped) = oneshot::channel();
        let state = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("apiserver".to_owned())
            .spawn(move || {
                if let Err(error) = runtime.block_on(listener::serve(listener, state, tls, stopped)) {
                    eprintln!("the API server has ended: {error}");
                }
            })
            .context("cannot start a thread")?;
        Ok(Self {
            address,
            authority,
            token,
            shared,
            stop: Some(stop),
            thread: Some(thread),
            _port: port,
        })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// Its address as a client is told.
    pub fn url(&self) -> String {
        let scheme = if self.authority.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// The certificate that vouches for it, as PEM.
    pub fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }

    /// The token that it accepts from the start: a text that stands nowhere else.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Accepts these tokens and no other; watches that are open go on.
    pub fn accept_tokens(&self, tokens: &[&str]) {
        self.shared.change(|state| {
            state.tokens = Some(tokens.iter().map(|&token| token.to_owned()).collect());
        });
    }

    /// Answers whoever asks.
    pub fn accept_anybody(&self) {
        self.shared.change(|state| state.tokens = None);
    }

    /// Adds a pod.
    pub fn add(&self, pod: &PodObject) {
        self.shared.change(|state| state.store.put(pod));
    }

    /// Changes the pod with this name.
    pub fn update(&self, pod: &PodObject) {
        self.add(pod);
    }

    /// Deletes the pod with this name.
    pub fn delete(&self, pod: &PodObject) -> Result<()> {
        let was_there = self.shared.change(|state| state.store.delete(pod));
        ensure!(was_there, "there is no pod {}/{}", pod.namespace(), pod.name());
        Ok(())
    }

    /// The resource version of the last change.
    pub fn revision(&self) -> u64 {
        self.shared.lock().store.revision()
    }

    /// Forgets what has changed: a watch from before is gone.
    pub fn compact(&self) {
        self.shared.change(|state| state.store.compact());
    }

    /// Sends a bookmark to every watch that wants them.
    pub fn bookmark(&self) {
        self.shared.change(|state| state.bookmarks += 1);
    }

    /// Sends bookmarks so often, to watches from now on.
    pub fn bookmark_every(&self, interval: Duration) {
        self.shared.change(|state| state.bookmark_interval = interval);
    }

    /// Ends all open watches, as their time-out does.
    pub fn end_watches(&self) {
        self.shared.change(|state| state.ends += 1);
    }

    /// Goes wrong from now on, in this way and no other.
    pub fn inject(&self, fault: Fault) {
        self.shared.change(|state| {
            if fault.ends_watches() {
                state.ends += 1;
            }
            if fault == Fault::HalfOpen {
                state.kill_lines();
            }
            state.fault = Some(fault);
        });
    }

    /// Does everything right again.
    pub fn heal(&self) {
        self.shared.change(|state| state.fault = None);
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.lock().requests.clone()
    }

    /// How many requests of a kind there have been.
    pub fn count(&self, kind: Kind) -> usize {
        let state = self.shared.lock();
        state
            .requests
            .iter()
            .filter(|request| request.kind == kind)
            .count()
    }

    /// Bytes on the wire of a kind of requests, headers and TLS included.
    pub fn traffic(&self, kind: Kind) -> Traffic {
        self.shared.lock().traffic.get(&kind).copied().unwrap_or_default()
    }

    /// How many watches are open, as far as the server knows.
    pub fn open_watches(&self) -> usize {
        self.shared.lock().open_watches
    }

    /// When connections came, also those that were reset at once.
    pub fn attempts(&self) -> Vec<Instant> {
        self.shared.lock().attempts.clone()
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It has said why if it panicked.
            let _ = thread.join();
        }
    }
}
