//! What is counted for packets that are lost in a known way, one way a test.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::command::output_with_input;
use kubeskoop_exporter_tests::lab::loss::{Loss, kernel_has_reason};
use kubeskoop_exporter_tests::lab::netns::Netns;
use kubeskoop_exporter_tests::lab::traffic::{self, ListenerWithBacklog, connect_nonblocking};
use kubeskoop_exporter_tests::lab::wait::eventually;
use rustix::net::{listen, sockopt};

use crate::support::{Family, Lab, SOON, counted, send};

const CLOSED: u16 = 7;
const SINK: u16 = 8;
const REFUSED: u16 = 53;

fn nothing() -> Loss {
    Loss::default()
}

#[test]
fn datagrams_to_a_closed_port_are_no_socket_at_the_server() -> Result<()> {
    let lab = Lab::new(Family::V4)?;
    lab.loses(nothing(), Loss::abnormal("NO_SOCKET", 50), || {
        lab.client.run(|| send(lab.server_at(CLOSED), 50))
    })?;
    assert_eq!(lab.counted_by_server("Udp", "NoPorts")?, 50);
    Ok(())
}

#[test]
fn datagrams_that_a_full_buffer_does_not_take_are_socket_rcvbuff_at_the_server() -> Result<()> {
    let lab = Lab::new(Family::V4)?;
    let full = lab.server.run(|| Ok(UdpSocket::bind(lab.server_at(SINK))?))?;
    sockopt::set_socket_recv_buffer_size(&full, 1)?;
    let before = lab.mark()?;
    lab.client.run(|| send(lab.server_at(SINK), 200))?;
    let refused = lab.counted_by_server("Udp", "RcvbufErrors")?;
    ensure!((150..200).contains(&refused), "{refused} of 200 found no room");
    lab.expect(&before, nothing(), Loss::abnormal("SOCKET_RCVBUFF", refused))
}

#[test]
fn connects_to_a_closed_port_are_no_socket_at_the_server() -> Result<()> {
    let lab = Lab::new(Family::V4)?;
    lab.loses(nothing(), Loss::abnormal("NO_SOCKET", 30), || {
        lab.client
            .run(|| traffic::connect_to_closed_port(lab.server_at(CLOSED), 30))
    })?;
    assert_eq!(lab.counted_by_server("Tcp", "OutRsts")?, 30);
    Ok(())
}

#[test]
fn connects_that_find_the_accept_queue_full_are_no_event_of_the_kernel() -> Result<()> {
    const TOO_MANY: usize = 9;
    let lab = Lab::new(Family::V4)?;
    let listener = lab
        .server
        .run(|| ListenerWithBacklog::new(lab.server_at(80), 1))?;
    // One more than the backlog find room.
    let _fill = lab.client.run(|| connect_nonblocking(listener.address(), 2))?;
    eventually(SOON, || Ok(lab.counted_by_server("Tcp", "PassiveOpens")? == 2))?;
    let before = lab.mark()?;
    let _others = lab
        .client
        .run(|| connect_nonblocking(listener.address(), TOO_MANY))?;
    lab.expect(&before, nothing(), nothing())?;
    let overflows = lab.counted_by_server("TcpExt", "ListenOverflows")?;
    ensure!(overflows >= TOO_MANY as u64, "{overflows} overflows");
    Ok(())
}

#[test]
fn handshakes_that_end_when_the_accept_queue_is_full_are_listen_overflow_at_the_server() -> Result<()> {
    handshakes_that_end_too_late(false, "TCP_LISTEN_OVERFLOW")
}

#[test]
fn the_same_with_syn_cookies_is_no_socket_at_the_server() -> Result<()> {
    handshakes_that_end_too_late(true, "NO_SOCKET")
}

fn handshakes_that_end_too_late(cookies: bool, reason: &str) -> Result<()> {
    /// On a busy machine a handshake can take so long that parts of it are sent again.
    const ATTEMPTS: usize = 6;
    // Older kernels give the last acknowledgement no reason of its own.
    let is_known = kernel_has_reason("TCP_LISTEN_OVERFLOW")?;
    let reason = if is_known { reason } else { "NOT_SPECIFIED" };
    for _ in 0..ATTEMPTS {
        if end_handshakes_at_once(cookies, reason)? {
            return Ok(());
        }
    }
    anyhow::bail!("in {ATTEMPTS} attempts segments were sent again")
}

/// Nine handshakes, all of which begin while there is room and end when there is room for one. Says
/// false if the kernel sent anything twice.
fn end_handshakes_at_once(cookies: bool, reason: &str) -> Result<bool> {
    let lab = Lab::new(Family::V4)?;
    lab.server
        .sysctl("net/ipv4/tcp_syncookies", if cookies { "2" } else { "1" })?;
    let listener = lab.server.run(|| Ok(TcpListener::bind(lab.server_at(80))?))?;
    listen(&listener, if cookies { 0 } else { 20 })?;
    let _sink = lab.server.run(|| Ok(UdpSocket::bind(lab.server_at(SINK))?))?;
    let bucket = |change: &str, size: &str| {
        let words = format!(
            "qdisc {change} dev {} root tbf {size} limit 100000",
            lab.pair.a.device
        );
        lab.client.tc(words.split(' '))
    };
    // The client's packets wait in a token bucket, which is empty before the first handshake.
    bucket("add", "rate 40kbit burst 100")?;
    let before = lab.mark()?;
    lab.client.run(|| send(lab.server_at(SINK), 4))?;
    let _clients = lab.client.run(|| connect_nonblocking(lab.server_at(80), 9))?;
    let all_have_begun = eventually(Duration::from_secs(2), || {
        Ok(lab.counted_by_server("Tcp", "OutSegs")? >= 9)
    });
    listen(&listener, 0)?;
    bucket("change", "rate 1gbit burst 100000")?;
    sleep(Duration::from_millis(100));
    let overflows = lab.counted_by_server("TcpExt", "ListenOverflows")?;
    let again = lab.counted_by_server("Tcp", "RetransSegs")?;
    if all_have_begun.is_err() || overflows != 8 || again > 0 {
        return Ok(false);
    }
    lab.expect(&before, nothing(), Loss::abnormal(reason, overflows))?;
    Ok(true)
}

/// Has a firewall drop what goes to a port.
fn refuse(netns: &Netns, hook: &str) -> Result<()> {
    let rules = format!(
        "add table inet lab\n\
         add chain inet lab refused {{ type filter hook {hook} priority 0; }}\n\
         add rule inet lab refused udp dport {REFUSED} drop\n\
         add rule inet lab refused tcp dport {REFUSED} drop\n"
    );
    output_with_input(netns.command("nft").args(["-f", "-"]), &rules)?;
    Ok(())
}

#[test]
fn what_a_rule_drops_on_its_way_in_is_netfilter_drop_at_the_server() -> Result<()> {
    let lab = Lab::new(Family::V4)?;
    refuse(&lab.server, "input")?;
    let mut connecting = Vec::new();
    lab.loses(nothing(), Loss::netfilter(43), || {
        lab.client.run(|| send(lab.server_at(REFUSED), 40))?;
        connecting = lab
            .client
            .run(|| connect_nonblocking(lab.server_at(REFUSED), 3))?;
        // What was closed is not sent again.
        connecting.clear();
        Ok(())
    })
}

#[test]
fn what_a_rule_drops_on_its_way_out_is_netfilter_drop_at_the_client() -> Result<()> {
    let lab = Lab::new(Family::V4)?;
    refuse(&lab.client, "output")?;
    lab.loses(Loss::netfilter(40), nothing(), || {
        lab.client.run(|| send(lab.server_at(REFUSED), 40))
    })
}

#[test]
fn datagrams_to_a_neighbour_that_does_not_answer_are_neigh_failed_at_the_client() -> Result<()> {
    /// The kernel drops them in a timer, and some kernels hide timers that interrupt a thread of
    /// pid 1 from BPF.
    const ATTEMPTS: u8 = 3;
    let lab = Lab::new(Family::V4)?;
    let device = &lab.pair.a.device;
    lab.client
        .ip(["address", "add", "10.255.255.1/24", "dev", device])?;
    let retransmission = format!("net/ipv4/neigh/{device}/retrans_time_ms");
    lab.client.sysctl(&retransmission, "100")?;
    let mut outcome = Ok(());
    for attempt in 0..ATTEMPTS {
        let absent = SocketAddr::from(([10, 255, 255, 77 + attempt], 53));
        outcome = lab.loses(Loss::abnormal("NEIGH_FAILED", 10), nothing(), || {
            lab.client.run(|| send(absent, 10))
        });
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

#[test]
fn datagrams_without_a_route_are_no_event_of_the_kernel() -> Result<()> {
    let lab = Lab::new(Family::V4)?;
    lab.loses(nothing(), nothing(), || {
        lab.client
            .run(|| send(SocketAddr::from(([192, 0, 2, 1], 53)), 10))
    })?;
    assert_eq!(counted(&lab.client, "Ip", "OutNoRoutes")?, 10);
    Ok(())
}

#[test]
fn what_a_full_queue_of_a_device_drops_is_under_its_reason_at_the_client() -> Result<()> {
    let lab = Lab::new(Family::V4)?;
    let _sink = lab.server.run(|| Ok(UdpSocket::bind(lab.server_at(SINK))?))?;
    let device = lab.pair.a.device.as_str();
    let bucket = format!("qdisc add dev {device} root tbf rate 8kbit burst 100 limit 1000");
    lab.client.tc(bucket.split(' '))?;
    let before = lab.mark()?;
    lab.client.run(|| send(lab.server_at(SINK), 80))?;
    let shown = lab.client.tc(["-s", "qdisc", "show", "dev", device])?;
    let dropped: u64 = shown
        .split_once("dropped ")
        .and_then(|(_, rest)| rest.split(',').next()?.parse().ok())
        .with_context(|| format!("no drops in {shown}"))?;
    ensure!((31..80).contains(&dropped), "{dropped} of 80 are dropped");
    // Kernels differ in which of the two it is.
    let [client, _] = lab.since(&before)?;
    let reasons = ["QDISC_OVERLIMIT", "QDISC_DROP"];
    let reason = reasons.into_iter().find(|reason| client.count(reason) > 0);
    let reason = reason.with_context(|| format!("none of {reasons:?} in {client:?}"))?;
    lab.expect(&before, Loss::abnormal(reason, dropped), nothing())
}

#[test]
fn the_reset_of_a_connection_is_no_loss() -> Result<()> {
    let lab = Lab::new(Family::V4)?;
    let listener = lab.server.run(|| Ok(TcpListener::bind(lab.server_at(80))?))?;
    lab.loses(nothing(), nothing(), || {
        for _ in 0..10 {
            let client = lab.client.run(|| Ok(TcpStream::connect(lab.server_at(80))?))?;
            let (accepted, _) = listener.accept()?;
            sockopt::set_socket_linger(&client, Some(Duration::ZERO))?;
            drop(client);
            eventually(SOON, || Ok(sockopt::socket_error(&accepted)?.is_err()))?;
        }
        Ok(())
    })?;
    assert_eq!(counted(&lab.client, "Tcp", "OutRsts")?, 10);
    Ok(())
}

#[test]
fn the_kernel_has_the_reasons_that_are_expected_of_it() -> Result<()> {
    for reason in ["NO_SOCKET", "SOCKET_RCVBUFF", "NETFILTER_DROP", "NEIGH_FAILED"] {
        ensure!(kernel_has_reason(reason)?, "the kernel has no {reason}");
    }
    ensure!(!kernel_has_reason("NO_SUCH_REASON")?);
    ensure!(fs::exists("/sys/kernel/btf/vmlinux")?);
    Ok(())
}
