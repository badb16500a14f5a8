//! Connections: how many, how slow they may be, and how they end.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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
    accepting: tokio::task::JoinHandle<()>,
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
            accepting,
            connections,
        }
    }

    /// Closes the listener at once. Requests being served are finished on their own.
    pub async fn close(&mut self) {
        self.stop.send_replace(true);
        let _ = (&mut self.accepting).await;
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
                connections.add(|id, busy| {
                    let served = serve(accepted, Arc::clone(&router), busy, stopped.clone());
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
    busy: Arc<AtomicBool>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut stream = TimeoutStream::new(accepted.stream);
    stream.set_write_timeout(Some(WRITE_TIMEOUT));
    let is_local = accepted.is_local;
    let service = service_fn(move |request| {
        let (router, busy) = (Arc::clone(&router), Arc::clone(&busy));
        async move {
            busy.store(true, Ordering::Relaxed);
            let response = router.answer(request, is_local).await;
            busy.store(false, Ordering::Relaxed);
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
    open: Mutex<BTreeMap<u64, Open>>,
}

#[derive(Debug)]
struct Open {
    busy: Arc<AtomicBool>,
    task: AbortHandle,
}

impl Connections {
    fn add(&self, spawn: impl FnOnce(u64, Arc<AtomicBool>) -> AbortHandle) {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let busy = Arc::new(AtomicBool::new(false));
        // Under the lock, so that a connection that ends at once is removed after it was added.
        let mut open = self.lock();
        let task = spawn(id, Arc::clone(&busy));
        open.insert(id, Open { busy, task });
    }

    fn remove(&self, id: u64) {
        self.lock().remove(&id);
    }

    fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Ends the oldest connection without a request, so that idle clients cannot shut others out.
    fn make_room(&self, most: usize) {
        let mut open = self.lock();
        if open.len() < most {
            return;
        }
        let idle = open
            .iter()
            .find(|(_, it)| !it.busy.load(Ordering::Relaxed))
            .map(|(id, _)| *id);
        if let Some(gone) = idle
            .or_else(|| open.keys().next().copied())
            .and_then(|id| open.remove(&id))
        {
            gone.task.abort();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
