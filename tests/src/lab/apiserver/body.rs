//! Bodies that come piece by piece.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::fault::Fault;

/// A body that ends when its sender is dropped, and breaks off with an error.
#[derive(Debug)]
pub struct Pieces(mpsc::Receiver<io::Result<Bytes>>);

/// Where the pieces come from.
#[derive(Debug)]
pub struct Sender(mpsc::Sender<io::Result<Bytes>>);

/// A body and its source.
pub fn pieces() -> (Sender, Pieces) {
    let (sender, receiver) = mpsc::channel(1);
    (Sender(sender), Pieces(receiver))
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let polled = self.0.poll_recv(context);
        polled.map(|piece| piece.map(|bytes| bytes.map(Frame::data)))
    }
}

impl Sender {
    /// Sends all, at once or as the fault has it; none if the client has gone.
    pub async fn send(&self, mut bytes: Bytes, fault: Option<&Fault>) -> Option<()> {
        if let Some(Fault::Drip(length, pause)) = fault {
            while bytes.len() > *length {
                sleep(*pause).await;
                self.0.send(Ok(bytes.split_to(*length))).await.ok()?;
            }
        }
        self.0.send(Ok(bytes)).await.ok()
    }

    /// Breaks the connection off.
    pub async fn break_off(&self) {
        // What was sent is to be on its way first.
        sleep(Duration::from_millis(30)).await;
        let _ = self.0.send(Err(io::Error::other("broken off"))).await;
    }

    /// Waits until the client has gone.
    pub async fn gone(&self) {
        self.0.closed().await;
    }
}
