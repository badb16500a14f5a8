//! Accepting connections, and not.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::answer::answer;
use super::fault::Fault;
use super::line::{Line, Metered};
use super::state::Shared;

const BACKLOG: u32 = 128;

/// A port of loopback that nobody else gets, whether anybody listens on it or not.
pub fn reserve() -> io::Result<(TcpSocket, SocketAddr)> {
    let socket = bound(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let address = socket.local_addr()?;
    Ok((socket, address))
}

/// Several sockets may be bound to one port as long as all say so and none listens.
fn bound(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    bound(address)?.listen(BACKLOG)
}

/// Serves until told to stop.
pub async fn serve(
    first: TcpListener,
    shared: Arc<Shared>,
    tls: Option<TlsAcceptor>,
    mut stop: oneshot::Receiver<()>,
) -> io::Result<()> {
    let address = first.local_addr()?;
    let mut listener = Some(first);
    let mut bell = shared.bell();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            _ = &mut stop => return Ok(()),
            _ = bell.changed() => {
                let fault = shared.lock().fault.clone();
                if matches!(fault, Some(Fault::Away | Fault::Resets)) {
                    connections.abort_all();
                }
                if fault == Some(Fault::Away) {
                    listener = None;
                } else if listener.is_none() {
                    listener = Some(listen(address)?);
                }
            }
            Some(_) = connections.join_next() => {}
            stream = accept(listener.as_ref()) => {
                if let Some(stream) = admit(&shared, stream) {
                    connections.spawn(connection(Arc::clone(&shared), stream, tls.clone()));
                }
            }
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> TcpStream {
    match listener {
        None => std::future::pending().await,
        Some(listener) => loop {
            match listener.accept().await {
                Ok((stream, _)) => return stream,
                // No file is left for it: others may give theirs back.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        },
    }
}

/// Counts a connection; none if it is reset.
fn admit(shared: &Shared, stream: TcpStream) -> Option<TcpStream> {
    let mut state = shared.lock();
    state.attempts.push(Instant::now());
    if state.fault == Some(Fault::Resets) {
        // Without lingering a close is a reset.
        let _ = stream.set_zero_linger();
        return None;
    }
    Some(stream)
}

async fn connection(shared: Arc<Shared>, stream: TcpStream, tls: Option<TlsAcceptor>) {
    // Events are to come at once.
    let _ = stream.set_nodelay(true);
    let line = Line::new(&shared);
    let metered = Metered::new(stream, Arc::clone(&line));
    match tls {
        None => requests(shared, line, metered).await,
        Some(tls) => {
            // Whoever does not trust the certificate goes.
            if let Ok(stream) = tls.accept(metered).await {
                requests(shared, line, stream).await;
            }
        }
    }
}

async fn requests<S: AsyncRead + AsyncWrite + Unpin>(shared: Arc<Shared>, line: Arc<Line>, stream: S) {
    let service = service_fn(|request| answer(Arc::clone(&shared), Arc::clone(&line), request));
    // How a connection ends is up to the client, or to a fault.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
