//! A TCP connection from the client of a [`Trio`] to its server.

use std::io::Read;
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::net::sockopt;

use crate::lab::proc::ProcNet;
use crate::lab::trio::Trio;
use crate::lab::wait::{eventually, patience};

/// How long a single step may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Both ends of one.
#[derive(Debug)]
pub struct Connection {
    /// The end in the namespace of the client.
    pub client: TcpStream,
    /// The end in the namespace of the server.
    pub server: TcpStream,
}

impl Connection {
    /// Connects to an address of the server, at a port of its own.
    pub fn new(trio: &Trio, to: IpAddr) -> Result<Self> {
        Self::with(trio, to, |_| Ok(()))
    }

    /// The same, with `prepare` done to the listening socket.
    pub fn with(trio: &Trio, to: IpAddr, prepare: impl FnOnce(&TcpListener) -> Result<()>) -> Result<Self> {
        let listener = trio.server.run(|| Ok(TcpListener::bind((to, 0))?))?;
        prepare(&listener)?;
        let address = listener.local_addr()?;
        let client = trio.client.run(|| {
            TcpStream::connect_timeout(&address, patience(TIMEOUT))
                .with_context(|| format!("cannot connect to {address}"))
        })?;
        // The kernel has completed it: it waits to be accepted.
        let server = listener.accept()?.0;
        for stream in [&client, &server] {
            stream.set_read_timeout(Some(patience(TIMEOUT)))?;
            stream.set_write_timeout(Some(patience(TIMEOUT)))?;
        }
        Ok(Self { client, server })
    }

    /// Closes the server's end, of which no more than a remainder in `FIN_WAIT_2` is left, and returns the
    /// client's.
    ///
    /// Its FIN is acknowledged before. Should that come while `close()` holds the socket, the socket
    /// stays whole, and ends itself as if by a reset when data comes.
    pub fn close_server(self, trio: &Trio) -> Result<TcpStream> {
        let Self { mut client, server } = self;
        let port = format!(":{:04X}", server.local_addr()?.port());
        server.shutdown(Shutdown::Write)?;
        // The FIN.
        client.read_exact(&mut [0]).err().context("data")?;
        eventually(TIMEOUT, || {
            let net = ProcNet::of(&trio.server);
            let text = [net.read("tcp")?, net.read("tcp6")?].concat();
            let is_acknowledged = |line: &str| {
                let mut columns = line.split_whitespace().skip(1);
                columns.next().is_some_and(|local| local.ends_with(&port)) && columns.nth(1) == Some("05")
            };
            Ok(text.lines().any(is_acknowledged))
        })
        .context("nobody acknowledges the FIN")?;
        drop(server);
        Ok(client)
    }

    /// The address of the server's end.
    pub fn address(&self) -> Result<SocketAddr> {
        Ok(self.server.local_addr()?)
    }
}

/// Has the socket answer its last close with a reset.
pub fn reset_at_close(socket: impl AsFd) -> Result<()> {
    Ok(sockopt::set_socket_linger(socket, Some(Duration::ZERO))?)
}

/// Waits until the other side has reset the connection.
pub fn wait_for_reset(stream: &TcpStream) -> Result<()> {
    eventually(TIMEOUT, || Ok(stream.take_error()?.is_some())).context("no reset has come")
}
