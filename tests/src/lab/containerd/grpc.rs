//! Calls over gRPC, of one message each way.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bytes::{BufMut, Bytes, BytesMut};
use h2::RecvStream;
use http::{HeaderMap, Request};
use prost::Message;
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::lab::wait::patience;

/// How long a call may take.
const CALL: Duration = Duration::from_secs(30);

/// What stands before a message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// Calls `method`, such as `package.Service/Method`, on the server of a socket file.
pub fn call<A: Message + Default>(socket: &Path, method: &str, message: &impl Message) -> Result<A> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let answer = runtime.block_on(async { timeout(patience(CALL), exchange(socket, method, message)).await });
    let answer = answer.with_context(|| format!("{method} takes longer than {CALL:?}"))?;
    let answer = answer.with_context(|| method.to_owned())?;
    A::decode(answer).with_context(|| format!("the answer of {method}"))
}

async fn exchange(socket: &Path, method: &str, message: &impl Message) -> Result<Bytes> {
    let stream = UnixStream::connect(socket).await?;
    let (sender, connection) = h2::client::handshake(stream).await?;
    tokio::spawn(connection);
    let request = Request::post(format!("http://localhost/{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())?;
    let (response, mut body) = sender.ready().await?.send_request(request, false)?;
    body.send_data(framed(message)?, true)?;
    let (head, body) = response.await?.into_parts();
    // A call that fails may be answered by a header alone, without a body.
    check(&head.headers)?;
    receive(body).await
}

fn framed(message: &impl Message) -> Result<Bytes> {
    let mut bytes = BytesMut::with_capacity(PREFIX + message.encoded_len());
    bytes.put_u8(0);
    bytes.put_u32(message.encoded_len().try_into()?);
    message.encode(&mut bytes)?;
    Ok(bytes.freeze())
}

async fn receive(mut body: RecvStream) -> Result<Bytes> {
    let mut received = BytesMut::new();
    while let Some(chunk) = body.data().await {
        let chunk = chunk?;
        body.flow_control().release_capacity(chunk.len())?;
        received.extend_from_slice(&chunk);
    }
    check(&body.trailers().await?.unwrap_or_default())?;
    ensure!(received.len() >= PREFIX && received[0] == 0, "no plain message");
    Ok(received.freeze().slice(PREFIX..))
}

fn check(headers: &HeaderMap) -> Result<()> {
    let text = |name: &str| {
        headers
            .get(name)
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
    };
    match text("grpc-status").as_deref() {
        None | Some("0") => Ok(()),
        Some(status) => bail!("status {status}: {}", text("grpc-message").unwrap_or_default()),
    }
}
