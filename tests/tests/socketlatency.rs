//! How long data waits in the sockets of a namespace is what the test has made it wait.

#[path = "socketlatency/buckets.rs"]
mod buckets;
#[path = "socketlatency/support.rs"]
mod support;

use std::io::{ErrorKind, Read, Write};
use std::process::{Command, Stdio};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::connection::Connection;
use kubeskoop_exporter_tests::lab::process::{Guard, Signal};
use kubeskoop_exporter_tests::lab::wait::eventually;
use rustix::net::sockopt;

use crate::support::{Lab, Seen};

const SOON: Duration = Duration::from_secs(10);
/// A reader that is late.
const LATE: Duration = Duration::from_millis(150);
/// What it is measured against.
const SLOW: Duration = Duration::from_millis(100);
const VERY_SLOW: Duration = Duration::from_millis(200);

/// Nothing of what was written waited, and nobody else wrote.
fn the_client_wrote(seen: &Seen, times: u64) -> Result<()> {
    let [client, server, bystander] = &seen.write;
    ensure!(
        client.count == times && client.over(SLOW)? == 0,
        "writes: {client:?}"
    );
    assert_eq!((server.count, bystander.count), (0, 0), "writes of others");
    Ok(())
}

/// Nobody but the server read anything.
fn only_the_server_read(seen: &Seen) {
    let [client, _, bystander] = &seen.read;
    assert_eq!((client.count, bystander.count), (0, 0), "reads of others");
}

#[test]
fn a_reader_that_sleeps_counts_once_for_each_piece_that_waits() -> Result<()> {
    let lab = Lab::new()?;
    for to in lab.pair.b.addresses() {
        let Connection {
            mut client,
            mut server,
        } = Connection::new(&lab, to)?;
        let mut longest = Duration::ZERO;
        let seen = lab.during(|| {
            for _ in 0..4 {
                let written = Instant::now();
                client.write_all(b"late")?;
                sleep(LATE);
                server.read_exact(&mut [0; 4])?;
                longest = longest.max(written.elapsed());
            }
            Ok(())
        })?;
        seen.read[1].is(4, SLOW, longest)?;
        the_client_wrote(&seen, 4)?;
        only_the_server_read(&seen);
    }
    Ok(())
}

#[test]
fn data_that_keeps_coming_does_not_shorten_the_wait() -> Result<()> {
    const PIECES: u16 = 15;
    let lab = Lab::new()?;
    for to in lab.pair.b.addresses() {
        let Connection {
            mut client,
            mut server,
        } = Connection::new(&lab, to)?;
        // Each piece is sent when it is written.
        client.set_nodelay(true)?;
        let mut waited = Duration::ZERO;
        let seen = lab.during(|| {
            let began = Instant::now();
            for _ in 0..PIECES {
                client.write_all(b"more")?;
                sleep(LATE / u32::from(PIECES));
            }
            server.read_exact(&mut vec![0; 4 * usize::from(PIECES)])?;
            waited = began.elapsed();
            Ok(())
        })?;
        seen.read[1].is(1, SLOW, waited)?;
        the_client_wrote(&seen, PIECES.into())?;
        only_the_server_read(&seen);
    }
    Ok(())
}

#[test]
fn what_is_read_in_halves_has_waited_until_the_second_and_not_what_comes_next() -> Result<()> {
    let lab = Lab::new()?;
    for to in lab.pair.b.addresses() {
        let Connection {
            mut client,
            mut server,
        } = Connection::new(&lab, to)?;
        client.set_nodelay(true)?;
        let seen = lab.during(|| {
            client.write_all(b"12345678")?;
            sleep(Duration::from_millis(20));
            server.read_exact(&mut [0; 4])?;
            sleep(LATE);
            server.read_exact(&mut [0; 4])?;
            client.write_all(b"9")?;
            Ok(server.read_exact(&mut [0])?)
        })?;
        let read = &seen.read[1];
        ensure!(read.count == 2 && read.over(SLOW)? == 1, "{read:?}");
        the_client_wrote(&seen, 2)?;
        only_the_server_read(&seen);
    }
    Ok(())
}

#[test]
fn data_that_comes_with_the_end_of_the_stream_waits_once() -> Result<()> {
    let lab = Lab::new()?;
    for to in lab.pair.b.addresses() {
        let Connection {
            mut client,
            mut server,
        } = Connection::new(&lab, to)?;
        let mut waited = Duration::ZERO;
        let seen = lab.during(|| {
            let began = Instant::now();
            // Held back until the close, for one segment.
            sockopt::set_tcp_cork(&client, true)?;
            client.write_all(b"bye")?;
            drop(client);
            sleep(LATE);
            assert_eq!(server.read_to_end(&mut Vec::new())?, 3);
            waited = began.elapsed();
            Ok(())
        })?;
        seen.read[1].is(1, SLOW, waited)?;
        the_client_wrote(&seen, 1)?;
        only_the_server_read(&seen);
    }
    Ok(())
}

#[test]
fn data_waits_to_be_sent_while_the_window_is_closed() -> Result<()> {
    const CLOSED: Duration = Duration::from_millis(300);
    let lab = Lab::new()?;
    for to in lab.pair.b.addresses() {
        let small = |listener: &_| Ok(sockopt::set_socket_recv_buffer_size(listener, 10_000)?);
        let Connection { client, mut server } = Connection::with(&lab, to, small)?;
        sockopt::set_socket_send_buffer_size(&client, 200_000)?;
        let mut waited = Duration::ZERO;
        let seen = lab.during(|| {
            let began = Instant::now();
            let written = fill(&client)?;
            sleep(CLOSED);
            let reader = thread::spawn(move || server.read_to_end(&mut Vec::new()));
            // The last byte is taken when the client closes.
            drop(client);
            let read = reader.join().ok().context("the reader has panicked")??;
            waited = began.elapsed();
            assert_eq!(read, written);
            Ok(())
        })?;
        let [client, server, _] = &seen.write;
        ensure!(
            client.over(VERY_SLOW)? > 0,
            "nothing waited to be sent: {client:?}"
        );
        let longest = client.buckets().into_iter().rfind(|(_, count)| *count > 0);
        ensure!(
            longest.is_some_and(|(edge, _)| edge <= 5 * waited),
            "{client:?} in {waited:?}"
        );
        assert_eq!(server.count, 0, "writes of the server");
        ensure!(seen.read[1].over(VERY_SLOW)? > 0, "nothing waited to be read");
        only_the_server_read(&seen);
    }
    Ok(())
}

/// Writes until nothing more is taken.
fn fill(mut client: &std::net::TcpStream) -> Result<usize> {
    client.set_nonblocking(true)?;
    let mut written = 0;
    loop {
        match client.write(&[7; 16 << 10]) {
            Ok(length) => written += length,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(written),
            Err(error) => return Err(error.into()),
        }
    }
}

#[test]
fn data_waits_for_a_process_that_is_stopped() -> Result<()> {
    let lab = Lab::new()?;
    for to in lab.pair.b.addresses() {
        let Connection { mut client, server } = Connection::new(&lab, to)?;
        let mut cat = Command::new("cat");
        cat.stdin(Stdio::from(std::os::fd::OwnedFd::from(server.try_clone()?)));
        let mut reader = Guard::spawn(cat.stdout(Stdio::null()))?;
        let mut longest = Duration::ZERO;
        let seen = lab.during(|| {
            for _ in 0..3 {
                reader.signal(Signal::STOP)?;
                eventually(SOON, || is_stopped(reader.pid()))?;
                let written = Instant::now();
                client.write_all(b"late")?;
                sleep(LATE);
                reader.signal(Signal::CONT)?;
                eventually(SOON, || Ok(rustix::io::ioctl_fionread(&server)? == 0))?;
                longest = longest.max(written.elapsed());
            }
            Ok(())
        })?;
        seen.read[1].is(3, SLOW, longest)?;
        the_client_wrote(&seen, 3)?;
        only_the_server_read(&seen);
    }
    Ok(())
}

fn is_stopped(pid: u32) -> Result<bool> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, after_name) = stat.rsplit_once(") ").context("no state")?;
    Ok(after_name.starts_with('T'))
}
