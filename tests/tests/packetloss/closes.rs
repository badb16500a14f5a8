//! What is freed while everything works is no loss.

use std::io::{Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, SocketAddrV6, TcpListener, TcpStream};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use kubeskoop_exporter_tests::lab::command::output_with_input;
use kubeskoop_exporter_tests::lab::loss::{Loss, growth};
use kubeskoop_exporter_tests::lab::netns::Netns;
use kubeskoop_exporter_tests::lab::wait::{eventually, patience};

use crate::support::{Family, Lab, Mark, ROUTINE, SOON, Symbols, counted, send};

/// By then the side that has closed first has only what stands for it in `TIME_WAIT`.
const LATE: Duration = Duration::from_millis(150);
/// The kernel delays acknowledgements by 40 ms, and by 200 ms at most.
const ACKNOWLEDGED: Duration = Duration::from_millis(300);
const AT_ONCE: Duration = Duration::ZERO;

/// Which side of a connection closes first.
#[derive(Clone, Copy, Debug)]
enum First {
    Connector,
    Acceptor,
}

/// A test of each, with symbols and without.
macro_rules! with_and_without_symbols {
    ($($test:ident),* $(,)?) => {
        mod with_symbols {
            $(#[test]
            fn $test() -> anyhow::Result<()> {
                super::$test(super::Symbols::Shown)
            })*
        }
        mod without_symbols {
            $(#[test]
            fn $test() -> anyhow::Result<()> {
                super::$test(super::Symbols::Hidden)
            })*
        }
    };
}

with_and_without_symbols!(
    connections_closed_in_order_over_ipv4_lose_nothing,
    connections_closed_in_order_over_ipv6_lose_nothing,
    a_fin_that_comes_late_over_ipv4_is_no_loss,
    a_fin_that_comes_late_over_ipv6_is_no_loss,
    many_connections_at_once_lose_nothing,
    multicast_of_groups_that_nobody_is_in_is_no_loss,
);

/// A question and its answer over one connection, which ends in order on both sides.
fn talk(client: &Netns, server: &Netns, address: IpAddr, late: Duration, first: First) -> Result<()> {
    let listener = server.run(|| Ok(TcpListener::bind((address, 0))?))?;
    let to = listener.local_addr()?;
    let connected = client.run(|| Ok(TcpStream::connect_timeout(&to, patience(SOON))?))?;
    let (accepted, _) = listener.accept()?;
    let (mut asking, mut answering) = (&connected, &accepted);
    asking.write_all(b"question")?;
    answering.read_exact(&mut [0; 8])?;
    answering.write_all(b"answer")?;
    asking.read_exact(&mut [0; 6])?;
    let (closing, mut other) = match first {
        First::Connector => (connected, accepted),
        First::Acceptor => (accepted, connected),
    };
    drop(closing);
    sleep(late);
    ensure!(other.read(&mut [0; 8])? == 0, "more than the end has come");
    Ok(())
}

/// Connections both ways, closed by each side first.
fn talks(lab: &Lab, family: Family, late: Duration, rounds: u32) -> Result<()> {
    let (a, b) = (&lab.pair.a, &lab.pair.b);
    let (client, server): (IpAddr, IpAddr) = match family {
        Family::V4 => (a.v4.into(), b.v4.into()),
        Family::V6 => (a.v6.into(), b.v6.into()),
    };
    for first in [First::Connector, First::Acceptor] {
        for _ in 0..rounds {
            talk(&lab.client, &lab.server, server, late, first)?;
            talk(&lab.server, &lab.client, client, late, first)?;
        }
    }
    Ok(())
}

/// Segments that client and server have sent again.
fn sent_again(lab: &Lab) -> Result<u64> {
    Ok(counted(&lab.client, "Tcp", "RetransSegs")? + counted(&lab.server, "Tcp", "RetransSegs")?)
}

/// What has been freed since then, of which nothing may be a loss.
fn freed(lab: &Lab, before: &Mark) -> Result<Result<[Loss; 2]>> {
    sleep(Duration::from_millis(300));
    let freed = lab.since(before)?;
    let is_loss = |loss: &Loss| loss.total + loss.netfilter + loss.abnormal > 0;
    if freed.iter().any(is_loss) {
        return Ok(Err(anyhow!("client and server lost {freed:?}")));
    }
    Ok(Ok(freed))
}

/// Lets `act` happen, and returns what was freed: nothing that anybody misses.
fn loses_nothing(lab: &Lab, mut act: impl FnMut() -> Result<()>) -> Result<[Loss; 2]> {
    /// Where the machine is so slow that a segment is sent again, the second is in excess and dropped.
    const ATTEMPTS: usize = 5;
    for _ in 0..ATTEMPTS {
        let (before, again) = (lab.mark()?, sent_again(lab)?);
        act()?;
        match freed(lab, &before)? {
            Ok(freed) => return Ok(freed),
            Err(loss) if sent_again(lab)? == again => return Err(loss),
            Err(loss) => println!("once more, since segments were sent again: {loss}"),
        }
    }
    bail!("in {ATTEMPTS} attempts segments were sent again")
}

fn close_in_order(family: Family, symbols: Symbols) -> Result<()> {
    let lab = Lab::with(family, symbols)?;
    loses_nothing(&lab, || {
        talks(&lab, family, AT_ONCE, 15)?;
        talks(&lab, family, Duration::from_millis(5), 10)
    })?;
    Ok(())
}

fn connections_closed_in_order_over_ipv4_lose_nothing(symbols: Symbols) -> Result<()> {
    close_in_order(Family::V4, symbols)
}

fn connections_closed_in_order_over_ipv6_lose_nothing(symbols: Symbols) -> Result<()> {
    close_in_order(Family::V6, symbols)
}

fn close_late(family: Family, symbols: Symbols) -> Result<()> {
    let lab = Lab::with(family, symbols)?;
    let freed = loses_nothing(&lab, || talks(&lab, family, LATE, 5))?;
    // Each connection has ended with a FIN that its TIME_WAIT has freed.
    for loss in freed {
        ensure!(
            loss.count(ROUTINE) >= 10,
            "it is not counted as routine: {loss:?}"
        );
    }
    Ok(())
}

fn a_fin_that_comes_late_over_ipv4_is_no_loss(symbols: Symbols) -> Result<()> {
    close_late(Family::V4, symbols)
}

fn a_fin_that_comes_late_over_ipv6_is_no_loss(symbols: Symbols) -> Result<()> {
    close_late(Family::V6, symbols)
}

fn many_connections_at_once_lose_nothing(symbols: Symbols) -> Result<()> {
    let lab = Lab::with(Family::V6, symbols)?;
    loses_nothing(&lab, || open_and_close_many(&lab))?;
    Ok(())
}

fn open_and_close_many(lab: &Lab) -> Result<()> {
    const CONNECTIONS: usize = 400;
    for address in lab.addresses(Family::V6) {
        let listener = lab.server.run(|| Ok(TcpListener::bind((address, 0))?))?;
        let to = listener.local_addr()?;
        let mut open = Vec::new();
        for _ in 0..CONNECTIONS {
            let client = lab
                .client
                .run(|| Ok(TcpStream::connect_timeout(&to, patience(SOON))?))?;
            open.push((client, listener.accept()?.0));
        }
        // All of them say at first that they have no more to say, every other one by its server.
        for (number, (client, server)) in open.iter().enumerate() {
            let first = if number % 2 == 0 { client } else { server };
            first.shutdown(Shutdown::Write)?;
        }
        // A timer may send an acknowledgement from another CPU, where it overtakes the end of its stream.
        sleep(ACKNOWLEDGED);
        drop(open);
    }
    Ok(())
}

fn multicast_of_groups_that_nobody_is_in_is_no_loss(symbols: Symbols) -> Result<()> {
    let lab = Lab::with(Family::V6, symbols)?;
    let link = lab.client.ip(["-o", "link", "show", "dev", &lab.pair.a.device])?;
    let (index, _) = link.split_once(':').context("a device without a number")?;
    let group = SocketAddrV6::new("ff02::1234".parse()?, 53, 0, index.trim().parse()?);
    let before = lab.mark()?;
    lab.client.run(|| send(SocketAddr::V6(group), 10))?;
    // The namespaces' own noise comes on top of it.
    eventually(SOON, || Ok(lab.since(&before)?[1].count(ROUTINE) >= 10)).context("at the server")?;
    freed(&lab, &before)??;
    Ok(())
}

/// As many Unix sockets with unread data are closed as that.
const UNREAD: usize = 40;

fn close_with_unread_data() -> Result<()> {
    for _ in 0..UNREAD / 2 {
        let (mut left, right) = UnixStream::pair()?;
        left.write_all(b"unread")?;
        drop(right);
        let (left, right) = UnixDatagram::pair()?;
        left.send(b"unread")?;
        drop((right, left));
    }
    Ok(())
}

fn manage(netns: &Netns, device: &str) -> Result<()> {
    let rules = "add table inet lab\n\
                 add chain inet lab nothing { type filter hook input priority 0; }\n\
                 delete table inet lab\n";
    for _ in 0..3 {
        output_with_input(netns.command("nft").args(["-f", "-"]), rules)?;
        netns.ip(["address", "add", "10.255.255.1/24", "dev", device])?;
        netns.ip(["address", "del", "10.255.255.1/24", "dev", device])?;
    }
    Ok(())
}

#[test]
fn unix_sockets_closed_with_unread_data_and_messages_to_the_kernel_are_no_loss() -> Result<()> {
    let lab = Lab::new(Family::V4)?;
    // The first rule may load a module of the kernel, whose symbols are read after the next scrape.
    eventually(SOON, || {
        let before = lab.mark()?;
        lab.client.run(close_with_unread_data)?;
        manage(&lab.client, &lab.pair.a.device)?;
        let after = lab.mark()?;
        let none = growth(&after.unattributed, &before.unattributed);
        let of_nobody = none.get("NOT_SPECIFIED").copied().unwrap_or(0);
        // The rest of the machine makes some as well.
        Ok(freed(&lab, &before)?.is_ok() && of_nobody < UNREAD as u64 / 4)
    })
    .context("it is counted as a loss")
}
