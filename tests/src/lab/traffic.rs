//! Traffic that moves known counters by known amounts.
//!
//! What takes no namespace acts in the one of the calling thread: call it within
//! [`Netns::run`](crate::lab::netns::Netns::run). Everything ends in time.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, getsockname, listen, socket_with};

use crate::lab::netns::Netns;
use crate::lab::wait::{eventually, patience};

/// How long a single step may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Sends `count` datagrams to a port where nobody listens: `Udp NoPorts` there grows by `count`.
///
/// The answers (ICMP, which the kernel limits in number) reach nobody: the socket is not connected.
pub fn udp_to_closed_port(destination: SocketAddr, count: usize) -> Result<()> {
    let socket =
        UdpSocket::bind(SocketAddr::new(any_address(destination), 0)).context("cannot make a UDP socket")?;
    socket.set_write_timeout(Some(patience(TIMEOUT)))?;
    for number in 0..count {
        socket
            .send_to(b"nobody there", destination)
            .with_context(|| format!("datagram {number} to {destination}"))?;
    }
    Ok(())
}

/// Connects `count` times to a port where nobody listens: `Tcp AttemptFails` here and
/// `Tcp OutRsts` there grow by `count`. Anything but a refusal is an error.
pub fn connect_to_closed_port(destination: SocketAddr, count: usize) -> Result<()> {
    for number in 0..count {
        match TcpStream::connect_timeout(&destination, patience(TIMEOUT)) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
            Err(error) => {
                return Err(error).with_context(|| format!("connect {number} to {destination}"));
            }
            Ok(_) => bail!("somebody listens on {destination}"),
        }
    }
    Ok(())
}

/// Sends `bytes` over one connection from `client_ns` to `address` in `listener_ns` (port 0: any)
/// and returns when the other side has read them all and both have closed.
///
/// The receiver closes first, so that the connection's `TIME_WAIT` is the listener's.
pub fn tcp_transfer(listener_ns: &Netns, client_ns: &Netns, address: SocketAddr, bytes: usize) -> Result<()> {
    let listener = listener_ns
        .run(|| TcpListener::bind(address).with_context(|| format!("cannot listen on {address}")))?;
    let address = listener.local_addr()?;
    // The kernel completes the connection, and it waits to be accepted.
    let client = client_ns.run(|| {
        TcpStream::connect_timeout(&address, patience(TIMEOUT))
            .with_context(|| format!("cannot connect to {address}"))
    })?;
    let server = accept(&listener)?;
    for stream in [&client, &server] {
        stream.set_read_timeout(Some(patience(TIMEOUT)))?;
        stream.set_write_timeout(Some(patience(TIMEOUT)))?;
    }
    thread::scope(|scope| {
        let reading = scope.spawn(move || receive(server, bytes));
        let sent = send(client, bytes).context("sender");
        let received = reading
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        received.context("receiver").and(sent)
    })
}

/// A TCP socket that listens with a short backlog and never accepts.
///
/// The kernel lets backlog + 1 connections wait; what comes after that is dropped and counted as
/// `TcpExt ListenOverflows` and `ListenDrops`.
#[derive(Debug)]
pub struct ListenerWithBacklog {
    _socket: OwnedFd,
    address: SocketAddr,
}

impl ListenerWithBacklog {
    /// Listens on `address` (port 0: any).
    pub fn new(address: SocketAddr, backlog: u16) -> Result<Self> {
        let socket = tcp_socket(address, SocketFlags::CLOEXEC)?;
        bind(&socket, &address).with_context(|| format!("cannot bind {address}"))?;
        listen(&socket, backlog.into()).with_context(|| format!("cannot listen on {address}"))?;
        let address = getsockname(&socket)?
            .try_into()
            .context("an address of no IP family")?;
        Ok(Self {
            _socket: socket,
            address,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Begins `count` TCP connections and waits for none of them; they live as long as what is
/// returned.
pub fn connect_nonblocking(destination: SocketAddr, count: usize) -> Result<Vec<TcpStream>> {
    let begin = |number| {
        let socket = tcp_socket(destination, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?;
        match connect(&socket, &destination) {
            Ok(()) | Err(Errno::INPROGRESS) => Ok(TcpStream::from(socket)),
            Err(error) => Err(error).with_context(|| format!("connect {number} to {destination}")),
        }
    };
    (0..count).map(begin).collect()
}

fn accept(listener: &TcpListener) -> Result<TcpStream> {
    listener.set_nonblocking(true)?;
    let mut accepted = None;
    eventually(TIMEOUT, || match listener.accept() {
        Ok((stream, _)) => {
            accepted = Some(stream);
            Ok(true)
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error.into()),
    })
    .context("no connection to accept")?;
    accepted.context("no connection to accept")
}

fn send(mut stream: TcpStream, bytes: usize) -> Result<()> {
    let block = [b'x'; 16 * 1024];
    let mut left = bytes;
    while left > 0 {
        left -= stream.write(&block[..left.min(block.len())])?;
    }
    let closed = stream.read(&mut [0])?;
    ensure!(closed == 0, "the receiver has answered");
    Ok(())
}

fn receive(mut stream: TcpStream, bytes: usize) -> Result<()> {
    let mut block = [0; 16 * 1024];
    let mut received = 0;
    while received < bytes {
        let length = stream.read(&mut block)?;
        ensure!(length > 0, "{received} bytes came of {bytes}");
        received += length;
    }
    stream.shutdown(Shutdown::Write)?;
    let more = stream.read(&mut block)?;
    ensure!(more == 0 && received == bytes, "more than {bytes} bytes came");
    Ok(())
}

fn tcp_socket(address: SocketAddr, flags: SocketFlags) -> Result<OwnedFd> {
    let family = if address.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    socket_with(family, SocketType::STREAM, flags, None).context("cannot make a TCP socket")
}

fn any_address(destination: SocketAddr) -> IpAddr {
    if destination.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::lab::proc::ProcNet;

    /// A port of loopback on which nothing listens in a namespace just made.
    const CLOSED_V4: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9);
    const CLOSED_V6: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 9);

    #[test]
    fn datagrams_to_a_closed_port_are_counted() {
        let netns = Netns::new("noports").unwrap();
        netns.run(|| udp_to_closed_port(CLOSED_V4, 50)).unwrap();
        netns.run(|| udp_to_closed_port(CLOSED_V6, 30)).unwrap();
        let net = ProcNet::of(&netns);
        assert_eq!(net.snmp().unwrap().get("Udp", "NoPorts").unwrap(), 50);
        assert_eq!(net.snmp6().unwrap().get("Udp6", "NoPorts").unwrap(), 30);
    }

    #[test]
    fn many_datagrams_through_a_veth_are_counted() {
        let (a, b) = (Netns::new("flood-a").unwrap(), Netns::new("flood-b").unwrap());
        let pair = Netns::connect(&a, &b).unwrap();
        for address in pair.b.addresses() {
            a.run(|| udp_to_closed_port(SocketAddr::new(address, 9), 5000))
                .unwrap();
        }
        let net = ProcNet::of(&b);
        assert_eq!(net.snmp().unwrap().get("Udp", "NoPorts").unwrap(), 5000);
        assert_eq!(net.snmp6().unwrap().get("Udp6", "NoPorts").unwrap(), 5000);
        assert_eq!(ProcNet::of(&a).snmp().unwrap().get("Udp", "NoPorts").unwrap(), 0);
    }

    #[test]
    fn refused_connections_are_counted() {
        let (a, b) = (Netns::new("refused-a").unwrap(), Netns::new("refused-b").unwrap());
        let pair = Netns::connect(&a, &b).unwrap();
        for address in pair.b.addresses() {
            a.run(|| connect_to_closed_port(SocketAddr::new(address, 9), 20))
                .unwrap();
        }
        let attempts = ProcNet::of(&a)
            .snmp()
            .unwrap()
            .get("Tcp", "AttemptFails")
            .unwrap();
        let resets = ProcNet::of(&b).snmp().unwrap().get("Tcp", "OutRsts").unwrap();
        assert_eq!((attempts, resets), (40, 40));
    }

    #[test]
    fn an_open_port_is_not_taken_for_a_closed_one() {
        let netns = Netns::new("open").unwrap();
        let listener = netns.run(|| Ok(TcpListener::bind(CLOSED_V4)?)).unwrap();
        let address = listener.local_addr().unwrap();
        assert!(netns.run(|| connect_to_closed_port(address, 1)).is_err());
    }

    #[test]
    fn everything_sent_arrives() {
        const BYTES: usize = 4 << 20;
        let (a, b) = (Netns::new("send-a").unwrap(), Netns::new("send-b").unwrap());
        let pair = Netns::connect(&a, &b).unwrap();
        for address in pair.b.addresses() {
            tcp_transfer(&b, &a, SocketAddr::new(address, 0), BYTES).unwrap();
        }
        let received = ProcNet::of(&b)
            .dev()
            .unwrap()
            .get(&pair.b.device, "rx_bytes")
            .unwrap();
        assert!(received > 2 * BYTES as u64, "{received}");
        let opened = ProcNet::of(&a).snmp().unwrap().get("Tcp", "ActiveOpens").unwrap();
        assert_eq!(opened, 2);
        let waiting = |netns| ProcNet::of(netns).sockstat().unwrap().get("TCP", "tw").unwrap();
        assert_eq!((waiting(&a), waiting(&b)), (0, 2));
    }

    #[test]
    fn a_full_backlog_overflows() {
        let netns = Netns::new("backlog").unwrap();
        let any_port = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0);
        let listener = netns.run(|| ListenerWithBacklog::new(any_port, 2)).unwrap();
        let streams = netns.run(|| connect_nonblocking(listener.address(), 10)).unwrap();
        assert_eq!(streams.len(), 10);
        let net = ProcNet::of(&netns);
        eventually(TIMEOUT, || {
            let netstat = net.netstat()?;
            Ok(netstat.get("TcpExt", "ListenOverflows")? >= 7 && netstat.get("TcpExt", "ListenDrops")? >= 7)
        })
        .unwrap();
        // Two ends of each of the three connections that fit.
        let established = net.snmp().unwrap().get("Tcp", "CurrEstab").unwrap();
        assert_eq!(established, 6);
    }
}
