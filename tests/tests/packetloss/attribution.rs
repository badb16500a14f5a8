//! Packets that lead to no namespace, or seem to lead to a wrong one.

use std::net::{TcpListener, UdpSocket};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::helper::Helper;
use kubeskoop_exporter_tests::lab::loss::{Drops, Loss, growth};
use kubeskoop_exporter_tests::lab::wait::eventually;
use rustix::net::sockopt;

use crate::support::{Family, Lab, ROUTINE, SOON, Symbols, send};

const PORT: u16 = 8;

fn of(drops: &Drops, reasons: &[&str]) -> u64 {
    reasons.iter().filter_map(|reason| drops.get(*reason)).sum()
}

/// Some of what waits unread leads neither to a device nor to a socket when it is freed.
fn close_a_full_queue(symbols: Symbols) -> Result<()> {
    const ROUNDS: usize = 3;
    const SENT: u32 = 200;
    let lab = Lab::with(Family::V4, symbols)?;
    for _ in 0..ROUNDS {
        let server = lab.server.run(|| Ok(UdpSocket::bind(lab.server_at(PORT))?))?;
        sockopt::set_socket_recv_buffer_size(&server, 1 << 14)?;
        let refused_before = lab.counted_by_server("Udp", "RcvbufErrors")?;
        lab.client.run(|| send(lab.server_at(PORT), SENT))?;
        let refused = lab.counted_by_server("Udp", "RcvbufErrors")? - refused_before;
        let waiting = u64::from(SENT) - refused;
        ensure!(waiting > 0 && refused > 0, "{refused} of {SENT} are refused");
        let before = lab.mark()?;
        drop(server);
        let mut freed = Drops::new();
        // After a grace period of the kernel.
        eventually(SOON, || {
            freed = growth(&lab.mark()?.unattributed, &before.unattributed);
            let reasons = ["NOT_SPECIFIED", ROUTINE, "SOCKET_CLOSE", "QUEUE_PURGE"];
            Ok(of(&freed, &reasons) >= waiting)
        })
        .with_context(|| format!("{waiting} waited, {freed:?} are freed"))?;
        lab.expect(&before, Loss::default(), Loss::default())?;
    }
    Ok(())
}

#[test]
fn what_a_closed_udp_socket_leaves_unread_is_in_no_namespace() -> Result<()> {
    close_a_full_queue(Symbols::Shown)
}

#[test]
fn what_a_closed_udp_socket_leaves_unread_is_in_no_namespace_without_symbols_either() -> Result<()> {
    close_a_full_queue(Symbols::Hidden)
}

/// Segments that wait out of order are kept in a tree by the field that leads to their device at all
/// other times. What such a link leads to is a matter of chance, so there are several rounds.
#[test]
fn a_pruned_out_of_order_queue_is_in_its_namespace_or_in_none() -> Result<()> {
    const ROUNDS: u64 = 8;
    const PRUNED: &str = "TCP_OFO_QUEUE_PRUNE";
    let helper = Helper::compile("out_of_order")?;
    let lab = Lab::new(Family::V4)?;
    // Without time stamps, so that segments made by hand are believed.
    lab.client.sysctl("net/ipv4/tcp_timestamps", "0")?;
    for round in 0..ROUNDS {
        let listener = lab.server.run(|| Ok(TcpListener::bind(lab.server_at(0))?))?;
        sockopt::set_socket_recv_buffer_size(&listener, 60_000)?;
        let to = listener.local_addr()?;
        let before = lab.mark()?;
        let pruned_before = lab.counted_by_server("TcpExt", "OfoPruned")?;
        let mut command = Command::new(helper.program());
        command.args([to.ip().to_string(), to.port().to_string()]);
        let (running, _) = lab.client.run(|| Helper::start(&mut command))?;
        let (accepted, _) = listener.accept()?;
        eventually(SOON, || {
            Ok(lab.counted_by_server("TcpExt", "OfoPruned")? > pruned_before)
        })
        .context("nothing is pruned")?;
        let after = lab.mark()?;
        let unattributed = growth(&after.unattributed, &before.unattributed);
        let [client, server] = [
            after.client.since(&before.client),
            after.server.since(&before.server),
        ];
        ensure!(
            client.count(PRUNED) == 0,
            "round {round}: the client has {client:?}"
        );
        let seen = server.count(PRUNED) + of(&unattributed, &[PRUNED]);
        ensure!(seen > 0, "round {round}: nowhere, {server:?}, {unattributed:?}");
        drop(accepted);
        running.finish()?;
    }
    Ok(())
}
