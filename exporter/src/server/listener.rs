//! Sockets that are listened on.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};

use crate::config::Address;

/// Connections the kernel keeps until they are accepted.
const BACKLOG: i32 = 1024;

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {error}{}", hint(.address, .error))]
pub struct ListenError {
    address: Address,
    error: io::Error,
}

impl ListenError {
    /// `true` if somebody listens there.
    pub fn is_taken(&self) -> bool {
        self.error.kind() == io::ErrorKind::AddrInUse
    }
}

fn hint(address: &Address, error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "; another process listens there: end it, or choose another address with --bind or the key address"
        }
        io::ErrorKind::PermissionDenied if !matches!(address, Address::Unix(_)) => {
            "; a port below 1024 needs CAP_NET_BIND_SERVICE"
        }
        io::ErrorKind::AddrNotAvailable => "; no device of this host has this address",
        _ => "",
    }
}

/// A socket that is listened on.
#[derive(Debug)]
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// A unix socket, removed when the listener is dropped.
    Unix(UnixListener, SocketFile),
}

/// The file of a unix socket.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A connection, and where it comes from.
pub struct Accepted {
    /// The bytes.
    pub stream: Box<dyn Stream>,
    /// `true` if the other end is on this host.
    pub is_local: bool,
}

/// What a connection is made of.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

impl Listener {
    /// Listens on `address`.
    ///
    /// # Errors
    /// It is taken, not of this host, or not allowed.
    pub async fn bind(address: &Address) -> Result<Self, ListenError> {
        let bound = match address {
            Address::Any(port) => any(*port).map(Self::Tcp),
            Address::Host(host, port) => named(host, *port).await.map(Self::Tcp),
            Address::Unix(path) => unix(path),
        };
        bound.map_err(|error| ListenError {
            address: address.clone(),
            error,
        })
    }

    /// Where it listens, as a user would type it.
    pub fn url(&self) -> String {
        match self {
            Self::Tcp(listener) => match listener.local_addr() {
                Ok(address) if address.ip().is_unspecified() => {
                    format!("http://localhost:{}/metrics", address.port())
                }
                Ok(address) => format!("http://{address}/metrics"),
                Err(_) => "an unknown address".into(),
            },
            Self::Unix(_, file) => format!("unix://{}", file.0.display()),
        }
    }

    /// Waits for a connection.
    ///
    /// # Errors
    /// The kernel has no file or memory left for it.
    pub async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                let _ = stream.set_nodelay(true);
                Ok(Accepted {
                    stream: Box::new(stream),
                    is_local: is_loopback(&peer),
                })
            }
            Self::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                Ok(Accepted {
                    stream: Box::new(stream),
                    is_local: true,
                })
            }
        }
    }
}

/// `true` if both addresses cannot be listened on at once.
pub fn overlaps(one: &Address, other: &Address) -> bool {
    let port = |address: &Address| match address {
        Address::Any(port) | Address::Host(_, port) if *port != 0 => Some(*port),
        _ => None,
    };
    match (one, other) {
        (Address::Unix(one), Address::Unix(other)) => one == other,
        // Two names may be one address.
        _ => port(one).is_some_and(|it| Some(it) == port(other)),
    }
}

fn is_loopback(peer: &SocketAddr) -> bool {
    peer.ip().to_canonical().is_loopback()
}

/// Every address, IPv6 and IPv4; where the kernel has no IPv6, IPv4.
fn any(port: u16) -> io::Result<TcpListener> {
    let v6 = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    match tcp(Domain::IPV6, v6) {
        Err(error) if has_no_ipv6(&error) => {
            tcp(Domain::IPV4, SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))
        }
        bound => bound,
    }
}

fn has_no_ipv6(error: &io::Error) -> bool {
    let code = error.raw_os_error().map(rustix::io::Errno::from_raw_os_error);
    matches!(
        code,
        Some(rustix::io::Errno::AFNOSUPPORT | rustix::io::Errno::ADDRNOTAVAIL)
    )
}

async fn named(host: &str, port: u16) -> io::Result<TcpListener> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in tokio::net::lookup_host((host, port)).await? {
        match tcp(Domain::for_address(address), address) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn tcp(domain: Domain, address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    if domain == Domain::IPV6 {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    // A connection in TIME_WAIT must not keep the next start from the port.
    socket.set_reuse_address(true)?;
    socket.bind(&SockAddr::from(address))?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket.into())
}

/// A socket file that nobody listens on is a leftover of a process that was killed.
fn unix(path: &Path) -> io::Result<Listener> {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) if !metadata.file_type().is_socket() => {
            let reason = "there is a file of this name that is no socket";
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, reason));
        }
        Ok(_) => remove_if_stale(path)?,
        Err(_) => {}
    }
    Ok(Listener::Unix(
        UnixListener::bind(path)?,
        SocketFile(path.to_owned()),
    ))
}

fn remove_if_stale(path: &Path) -> io::Result<()> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // A listener whose queue is full would be waited for.
    socket.set_nonblocking(true)?;
    match socket.connect(&SockAddr::unix(path)?) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(error),
        _ => Err(io::ErrorKind::AddrInUse.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_on_one_port_overlap_unless_the_kernel_chooses_it() {
        let address = |text: &str| text.parse::<Address>().expect("an address");
        for (one, other, expected) in [
            (":9102", "127.0.0.1:9102", true),
            ("[::1]:9102", "127.0.0.1:9102", true),
            (":9102", ":9103", false),
            ("127.0.0.1:0", ":0", false),
            ("unix:///a", "unix:///a", true),
            ("unix:///a", ":9102", false),
        ] {
            assert_eq!(
                overlaps(&address(one), &address(other)),
                expected,
                "{one} {other}"
            );
        }
    }

    #[test]
    fn a_mapped_loopback_address_is_local() {
        assert!(is_loopback(&"[::ffff:127.0.0.1]:1".parse().expect("an address")));
        assert!(!is_loopback(&"[::ffff:10.0.0.1]:1".parse().expect("an address")));
    }
}
