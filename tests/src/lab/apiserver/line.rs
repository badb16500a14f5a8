//! A connection whose bytes are counted and that can go dead without telling anybody.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::fault::Fault;
use super::state::{Kind, Shared};

/// What is known of a connection beside its bytes.
#[derive(Debug)]
pub struct Line {
    shared: Arc<Shared>,
    is_dead: AtomicBool,
    asked: Mutex<Asked>,
}

#[derive(Debug, Default)]
struct Asked {
    kind: Option<Kind>,
    /// Bytes that came before the request they are part of was read.
    early: u64,
}

impl Line {
    /// A new connection, dead from its start where others are.
    pub fn new(shared: &Arc<Shared>) -> Arc<Self> {
        let mut state = shared.lock();
        let line = Arc::new(Self {
            shared: Arc::clone(shared),
            is_dead: AtomicBool::new(state.fault == Some(Fault::HalfOpen)),
            asked: Mutex::default(),
        });
        state.lines.retain(|line| line.strong_count() > 0);
        state.lines.push(Arc::downgrade(&line));
        line
    }

    /// From now on nothing is read or written.
    pub fn die(&self) {
        self.is_dead.store(true, Ordering::Relaxed);
    }

    pub fn is_dead(&self) -> bool {
        self.is_dead.load(Ordering::Relaxed)
    }

    /// What comes and goes from here on, and what came since the last answer, is of this kind.
    pub fn asks(&self, kind: Kind) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.kind = Some(kind);
        let early = std::mem::take(&mut asked.early);
        self.shared.lock().traffic.entry(kind).or_default().received += early;
    }

    fn received(&self, bytes: usize) {
        // One request is read after the other, so these are of the next.
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.early += bytes as u64;
    }

    fn sent(&self, bytes: usize) {
        let kind = self.asked.lock().unwrap_or_else(PoisonError::into_inner).kind;
        let mut state = self.shared.lock();
        state.traffic.entry(kind.unwrap_or_default()).or_default().sent += bytes as u64;
    }
}

/// The connection.
#[derive(Debug)]
pub struct Metered {
    stream: TcpStream,
    line: Arc<Line>,
}

impl Metered {
    pub fn new(stream: TcpStream, line: Arc<Line>) -> Self {
        Self { stream, line }
    }
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.line.is_dead() {
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.line.received(buffer.filled().len() - before);
        polled
    }
}

impl AsyncWrite for Metered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.line.is_dead() {
            return Poll::Pending;
        }
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        if let Poll::Ready(Ok(length)) = polled {
            self.line.sent(length);
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.line.is_dead() {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
