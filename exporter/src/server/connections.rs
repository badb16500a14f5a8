//! Connections: how many, how slow they may be, and how they end.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio_io_timeout::TimeoutStream;

use super::Router;
use super::listener::{Accepted, Listener};

/// From the first wait for a request to the end of its header. It holds between two requests of
/// one connection too, so it is longer than the usual scrape interval of a minute.
const HEADER_TIMEOUT: Duration = Duration::from_secs(70);
/// A client that takes nothing for this long is cut off.
const WRITE_TIMEOUT: Duration = Duration::from_secs(20);
/// Beyond this the connection that has been idle longest makes room.
const MOST_CONNECTIONS: u64 = 2048;
/// When the kernel has no file left for a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves one listener until it is stopped.
#[derive(Debug)]
pub struct Server {
    stop: watch::Sender<bool>,
    /// None once it is closed.
    accepting: Option<tokio::task::JoinHandle<()>>,
    connections: Arc<Connections>,
}

impl Server {
    /// Starts to serve.
    pub fn start(listener: Listener, router: Arc<Router>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let connections = Arc::new(Connections::default());
        let accepting = tokio::spawn(accept(listener, router, Arc::clone(&connections), stopped));
        Self {
            stop,
            accepting: Some(accepting),
            connections,
        }
    }

    /// `true` until it is closed.
    pub fn is_open(&self) -> bool {
        self.accepting.is_some()
    }

    /// Closes the listener at once. Requests being served are finished on their own.
    pub async fn close(&mut self) {
        self.stop.send_replace(true);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.await;
        }
    }

    /// Closes the listener and waits up to `patience` for the requests being served.
    pub async fn finish(mut self, patience: Duration) {
        self.close().await;
        let all_gone = async {
            while !self.connections.is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let _ = tokio::time::timeout(patience, all_gone).await;
    }
}

async fn accept(
    listener: Listener,
    router: Arc<Router>,
    connections: Arc<Connections>,
    mut stopped: watch::Receiver<bool>,
) {
    let most = most_connections();
    loop {
        let accepted = tokio::select! {
            _ = stopped.changed() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok(accepted) => {
                connections.make_room(most);
                connections.add(|id, activity| {
                    let served = serve(accepted, Arc::clone(&router), activity, stopped.clone());
                    let connections = Arc::clone(&connections);
                    tokio::spawn(async move {
                        served.await;
                        connections.remove(id);
                    })
                    .abort_handle()
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(
    accepted: Accepted,
    router: Arc<Router>,
    activity: Arc<Activity>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut stream = TimeoutStream::new(accepted.stream);
    stream.set_write_timeout(Some(WRITE_TIMEOUT));
    let is_local = accepted.is_local;
    let service = service_fn(move |request| {
        let (router, activity) = (Arc::clone(&router), Arc::clone(&activity));
        async move {
            activity.begin();
            let response = router.answer(request, is_local).await;
            activity.end();
            Ok::<_, std::convert::Infallible>(response)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(16 * 1024)
        .serve_connection(TokioIo::new(Box::pin(stream)), service);
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = told_to_stop(&mut stopped) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended");
    }
}

async fn told_to_stop(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Half of the files this process may open.
fn most_connections() -> usize {
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let most = files.map_or(MOST_CONNECTIONS, |files| (files / 2).min(MOST_CONNECTIONS));
    usize::try_from(most).unwrap_or(usize::MAX)
}

/// The open connections, oldest first.
#[derive(Debug, Default)]
struct Connections {
    next: AtomicU64,
    clock: Arc<AtomicU64>,
    open: Mutex<BTreeMap<u64, Open>>,
}

#[derive(Debug)]
struct Open {
    activity: Arc<Activity>,
    task: AbortHandle,
}

/// What a connection does, for the choice of the one that makes room.
#[derive(Debug)]
struct Activity {
    /// Ticks at every activity of any connection.
    clock: Arc<AtomicU64>,
    /// When this one was opened or gave its last answer; [`Self::BUSY`] during a request.
    idle_since: AtomicU64,
}

impl Activity {
    const BUSY: u64 = u64::MAX;

    fn new(clock: &Arc<AtomicU64>) -> Self {
        let activity = Self {
            clock: Arc::clone(clock),
            idle_since: AtomicU64::new(0),
        };
        activity.end();
        activity
    }

    fn begin(&self) {
        self.idle_since.store(Self::BUSY, Ordering::Relaxed);
    }

    fn end(&self) {
        let now = self.clock.fetch_add(1, Ordering::Relaxed);
        self.idle_since.store(now, Ordering::Relaxed);
    }
}

impl Connections {
    fn add(&self, spawn: impl FnOnce(u64, Arc<Activity>) -> AbortHandle) {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let activity = Arc::new(Activity::new(&self.clock));
        // Under the lock, so that a connection that ends at once is removed after it was added.
        let mut open = self.lock();
        let task = spawn(id, Arc::clone(&activity));
        open.insert(id, Open { activity, task });
    }

    fn remove(&self, id: u64) {
        self.lock().remove(&id);
    }

    fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Ends the connection that has been idle longest, so that idle clients cannot shut others
    /// out; if all are busy, the oldest.
    fn make_room(&self, most: usize) {
        let mut open = self.lock();
        if open.len() < most {
            return;
        }
        let idle_since = |it: &Open| it.activity.idle_since.load(Ordering::Relaxed);
        let gone = open.iter().min_by_key(|(id, it)| (idle_since(it), **id));
        if let Some(gone) = gone.map(|(id, _)| *id).and_then(|id| open.remove(&id)) {
            gone.task.abort();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
