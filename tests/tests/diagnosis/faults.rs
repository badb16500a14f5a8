//! What goes wrong in pods, and how.

use std::cmp::Ordering;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::firewall::Firewall;
use kubeskoop_exporter_tests::lab::process::Signal;
use kubeskoop_exporter_tests::lab::traffic;
use kubeskoop_exporter_tests::lab::wait::{eventually, patience};

use crate::place::{Clock, Place};

/// What goes on at a place until the clock stops.
pub type Happening = fn(&mut Place, &Clock) -> Result<()>;

/// A pod with a fault, or, for comparison, without one.
pub struct Fault {
    /// The name of the pod, and the namespace it is in.
    pub namespace: &'static str,
    pub pod: &'static str,
    /// The backlog of the server that is its process, if it is one.
    pub backlog: Option<&'static str>,
    /// What happens.
    pub happening: Happening,
    /// The alert that names the cause; none for what is no fault.
    pub alert: Option<&'static str>,
    /// The dashboard of the guide that leads to the cause; of the healthy pod, all others.
    pub guides: &'static [&'static str],
}

/// The pod without a fault, which is a DNS server by its name.
pub const HEALTHY: &str = "coredns-5d78c9869d-x7k2p";

pub const FAULTS: [Fault; 7] = [
    Fault {
        namespace: "shop",
        pod: "php",
        backlog: None,
        happening: replies_come_late,
        alert: Some("KubeSkoopDNSReplyTooLate"),
        guides: &["kubeskoop-dns"],
    },
    Fault {
        namespace: "shop",
        pod: "tomcat",
        backlog: Some("2"),
        happening: a_stopped_server_accepts_nobody,
        alert: Some("KubeSkoopListenQueueOverflow"),
        guides: &["kubeskoop-ingress"],
    },
    Fault {
        namespace: "shop",
        pod: "ingress",
        backlog: Some("4096"),
        happening: a_stopped_server_leaves_requests_unread,
        alert: Some("KubeSkoopProcessStalled"),
        guides: &["kubeskoop-jitter"],
    },
    Fault {
        namespace: "shop",
        pod: "front",
        backlog: None,
        happening: connections_are_refused,
        alert: Some("KubeSkoopConnectFailures"),
        guides: &["kubeskoop-ingress"],
    },
    Fault {
        namespace: "shop",
        pod: "guarded",
        backlog: None,
        happening: a_firewall_drops,
        alert: Some("KubeSkoopNetfilterDrops"),
        guides: &["kubeskoop-ingress"],
    },
    Fault {
        namespace: "shop",
        pod: "hasty",
        backlog: None,
        happening: connections_are_closed_unread,
        alert: Some("KubeSkoopTCPAbortUnread"),
        guides: &["kubeskoop-resets"],
    },
    Fault {
        namespace: "kube-system",
        pod: HEALTHY,
        backlog: None,
        happening: all_is_well,
        alert: None,
        guides: &[
            "kubeskoop-overview",
            "kubeskoop-node",
            "kubeskoop-pod",
            "kubeskoop-resets",
        ],
    },
];

/// Where servers listen.
pub const PORT: u16 = 8080;

/// A port where nobody listens.
const CLOSED: u16 = 9;

/// How many good replies there are to one that is late.
const GOOD_REPLIES: usize = 300;

/// The round in which a server stops; until then it has done its work.
const STOP: u32 = 12;

/// How long a single step may take.
const STEP: Duration = Duration::from_secs(10);

/// How long a connection takes that nobody drops: far longer.
const CONNECT: Duration = Duration::from_millis(500);

/// One reply a second finds the socket closed.
fn replies_come_late(place: &mut Place, clock: &Clock) -> Result<()> {
    let server = place.outside.run(|| udp((place.pair.a.v4, 53)))?;
    for _ in clock.rounds() {
        queries(place, &server, GOOD_REPLIES)?;
        let impatient = place.pod.netns()?.run(|| udp((Ipv4Addr::UNSPECIFIED, 0)))?;
        impatient.send_to(b"query", server.local_addr()?)?;
        let (_, client) = server.recv_from(&mut [0; 64])?;
        drop(impatient);
        server.send_to(b"reply", client)?;
    }
    Ok(())
}

/// As at a long garbage collection: connections come, and nobody accepts them.
fn a_stopped_server_accepts_nobody(place: &mut Place, clock: &Clock) -> Result<()> {
    let mut waiting = Vec::new();
    let address = place.in_here(PORT);
    for round in clock.rounds() {
        match round.cmp(&STOP) {
            Ordering::Less => serves(place, 5)?,
            Ordering::Equal => {
                place.pod.processes()[0].signal(Signal::STOP)?;
                // One at a time, so that none is half made when the queue is full.
                let connect = || Ok(TcpStream::connect_timeout(&address, CONNECT)?);
                while let Ok(stream) = place.outside.run(connect) {
                    waiting.push(stream);
                    ensure!(waiting.len() < 10, "the queue has no end");
                }
            }
            Ordering::Greater => drop(place.outside.run(|| traffic::connect_nonblocking(address, 20))?),
        }
    }
    Ok(())
}

/// As with a process that its cgroup keeps off the CPU: connections stand, requests come, and nobody reads them
/// nor what has been answered.
fn a_stopped_server_leaves_requests_unread(place: &mut Place, clock: &Clock) -> Result<()> {
    let mut streams = Vec::new();
    for round in clock.rounds() {
        if round < STOP {
            serves(place, 20)?;
            continue;
        }
        if round == STOP {
            for _ in 0..4 {
                let stream = connect(place)?;
                (&stream).write_all(b"k")?;
                (&stream).read_exact(&mut [0])?;
                streams.push(stream);
            }
            // Once this one is served the server has filled what the others do not read.
            serves(place, 1)?;
            place.pod.processes()[0].signal(Signal::STOP)?;
        }
        if streams.len() < 2000 {
            for _ in 0..10 {
                let mut stream = connect(place)?;
                stream.write_all(&[b'e'; 1024])?;
                streams.push(stream);
            }
        }
    }
    Ok(())
}

fn connections_are_refused(place: &mut Place, clock: &Clock) -> Result<()> {
    let address = place.out_there(CLOSED);
    for _ in clock.rounds() {
        place
            .pod
            .netns()?
            .run(|| traffic::connect_to_closed_port(address, 20))?;
    }
    Ok(())
}

/// What came for a connection that is closed unread is answered by a reset.
fn connections_are_closed_unread(place: &mut Place, clock: &Clock) -> Result<()> {
    let address = place.in_here(PORT);
    let listener = place.pod.netns()?.run(|| Ok(TcpListener::bind(address)?))?;
    for _ in clock.rounds() {
        for _ in 0..5 {
            let mut client = connect(place)?;
            client.write_all(b"request")?;
            let (server, _) = listener.accept()?;
            server.set_read_timeout(Some(patience(STEP)))?;
            server.peek(&mut [0])?;
        }
    }
    Ok(())
}

fn a_firewall_drops(place: &mut Place, clock: &Clock) -> Result<()> {
    let _firewall = Firewall::dropping(place.pod.netns()?, "udp dport 7")?;
    let address = place.in_here(7);
    for _ in clock.rounds() {
        place.outside.run(|| traffic::udp_to_closed_port(address, 50))?;
    }
    Ok(())
}

fn all_is_well(place: &mut Place, clock: &Clock) -> Result<()> {
    let server = place.outside.run(|| udp((place.pair.a.v4, 53)))?;
    for _ in clock.rounds() {
        queries(place, &server, 20)?;
        traffic::tcp_transfer(place.pod.netns()?, &place.outside, place.in_here(0), 64 * 1024)?;
    }
    Ok(())
}

/// Queries of the pod that are answered in time.
fn queries(place: &Place, server: &UdpSocket, count: usize) -> Result<()> {
    let client = place.pod.netns()?.run(|| udp((Ipv4Addr::UNSPECIFIED, 0)))?;
    let mut buffer = [0; 64];
    for _ in 0..count {
        client.send_to(b"query", server.local_addr()?)?;
        let (_, address) = server.recv_from(&mut buffer).context("a query")?;
        server.send_to(b"reply", address)?;
        client.recv_from(&mut buffer).context("a reply")?;
    }
    Ok(())
}

/// Requests to the server in the pod that are served.
fn serves(place: &Place, count: usize) -> Result<()> {
    for _ in 0..count {
        let mut stream = connect(place)?;
        stream.write_all(b"e")?;
        ensure!(stream.read(&mut [0])? == 0, "the server has answered");
    }
    Ok(())
}

/// A connection from outside; the server may have just been started.
fn connect(place: &Place) -> Result<TcpStream> {
    let mut made = None;
    eventually(STEP, || {
        let address = place.in_here(PORT);
        made = place
            .outside
            .run(|| Ok(TcpStream::connect_timeout(&address, patience(STEP))?))
            .ok();
        Ok(made.is_some())
    })?;
    let stream = made.context("no connection")?;
    stream.set_read_timeout(Some(patience(STEP)))?;
    stream.set_write_timeout(Some(patience(STEP)))?;
    Ok(stream)
}

fn udp(address: (Ipv4Addr, u16)) -> Result<UdpSocket> {
    let socket = UdpSocket::bind(address).with_context(|| format!("cannot bind {address:?}"))?;
    socket.set_read_timeout(Some(patience(STEP)))?;
    Ok(socket)
}
