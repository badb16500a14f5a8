//! Each TCP reset counts once, by its kind, in the namespace that sends it and in the one that
//! receives it.

use std::io::{Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::ops::Deref;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result};
use kubeskoop_exporter_tests::lab::connection::{Connection, reset_at_close, wait_for_reset};
use kubeskoop_exporter_tests::lab::traffic;
use kubeskoop_exporter_tests::lab::trio::Trio;
use kubeskoop_exporter_tests::lab::wait::eventually;

const SOON: Duration = Duration::from_secs(5);
/// What would be too much has come by then.
const QUIET: Duration = Duration::from_millis(100);
/// Of each kind of reset, unless it is told otherwise.
const TIMES: u64 = 5;

/// In the order of the counts below. The first three are sent.
const KINDS: [&str; 4] = ["nosock", "process", "active", "receive"];
const SENT: usize = 3;
type Counts = [u64; KINDS.len()];
const NONE: Counts = [0; KINDS.len()];
const RECEIVED: Counts = [0, 0, 0, TIMES];

/// Client, server and bystander under an exporter of tcpreset.
struct Lab(Trio);

impl Deref for Lab {
    type Target = Trio;

    fn deref(&self) -> &Trio {
        &self.0
    }
}

/// What each has sent and received, and what it has sent as the kernel says.
#[derive(Clone, Copy, Debug)]
struct Resets {
    by_kind: [Counts; 3],
    out: [u64; 3],
}

impl Resets {
    fn since(mut self, before: &Self) -> Self {
        let own = self.by_kind.iter_mut().flatten().chain(&mut self.out);
        for (after, before) in own.zip(before.by_kind.iter().flatten().chain(&before.out)) {
            *after -= before;
        }
        self
    }
}

impl Lab {
    fn new() -> Result<Self> {
        Ok(Self(Trio::watched("[tcpreset]")?))
    }

    fn look(&self) -> Result<Resets> {
        let metrics = self.exporter.scrape()?;
        let mut by_kind = [NONE; 3];
        for (at, kind) in KINDS.iter().enumerate() {
            let numbers = self.numbers(&metrics, "kubeskoop_tcpreset_total", &[("type", kind)])?;
            for (counts, number) in by_kind.iter_mut().zip(numbers) {
                counts[at] = number;
            }
        }
        let out = self.counters("Tcp", "OutRsts")?;
        Ok(Resets { by_kind, out })
    }

    /// Does something that makes these resets, once over each version of IP.
    fn expect(&self, client: Counts, server: Counts, run: impl Fn(IpAddr) -> Result<()>) -> Result<()> {
        let expected = [client, server, NONE];
        for to in self.pair.b.addresses() {
            let before = self.look()?;
            run(to).with_context(|| to.to_string())?;
            let mut resets = before;
            let come = eventually(SOON, || {
                resets = self.look()?.since(&before);
                Ok(resets.by_kind == expected)
            });
            come.with_context(|| format!("{to}: {resets:?} of {KINDS:?} instead of {expected:?}"))?;
            sleep(QUIET);
            let resets = self.look()?.since(&before);
            assert_eq!(resets.by_kind, expected, "{to}: {KINDS:?}");
            let sent = resets.by_kind.map(|counts| counts[..SENT].iter().sum::<u64>());
            assert_eq!(sent, resets.out, "{to}: OutRsts");
        }
        Ok(())
    }

    /// The same with several connections.
    fn expect_of_each(
        &self,
        client: Counts,
        server: Counts,
        run: impl Fn(Connection) -> Result<()>,
    ) -> Result<()> {
        self.expect(client, server, |to| {
            (0..TIMES).try_for_each(|_| run(Connection::new(self, to)?))
        })
    }

    fn connect_to_closed_port(&self, to: IpAddr, times: usize) -> Result<()> {
        self.client
            .run(|| traffic::connect_to_closed_port(SocketAddr::new(to, 9), times))
    }
}

#[test]
fn a_connect_to_a_closed_port_is_nosock_there_and_received_here() -> Result<()> {
    let lab = Lab::new()?;
    lab.expect([0, 0, 0, 10], [10, 0, 0, 0], |to| {
        lab.connect_to_closed_port(to, 10)
    })
}

#[test]
fn a_close_that_does_not_linger_is_active_and_received_by_an_established_connection() -> Result<()> {
    let lab = Lab::new()?;
    lab.expect_of_each([0, 0, TIMES, 0], RECEIVED, |connection| {
        reset_at_close(&connection.client)?;
        drop(connection.client);
        wait_for_reset(&connection.server)
    })
}

#[test]
fn a_close_with_data_that_nobody_has_read_is_active() -> Result<()> {
    let lab = Lab::new()?;
    lab.expect_of_each(RECEIVED, [0, 0, TIMES, 0], |mut connection| {
        connection.client.write_all(b"unread")?;
        connection.server.peek(&mut [0])?;
        drop(connection.server);
        wait_for_reset(&connection.client)
    })
}

#[test]
fn data_that_comes_after_the_close_is_reset_by_a_socket_that_does_not_expect_it() -> Result<()> {
    let lab = Lab::new()?;
    lab.expect_of_each(RECEIVED, [0, TIMES, 0, 0], |connection| {
        let mut client = connection.close_server(&lab)?;
        client.write_all(b"late")?;
        wait_for_reset(&client)
    })
}

#[test]
fn connections_that_end_in_order_make_no_reset() -> Result<()> {
    let lab = Lab::new()?;
    // One reset at the end shows that what came before was looked at.
    lab.expect([0, 0, 0, 1], [1, 0, 0, 0], |to| {
        for client_first in [true, false].repeat(5) {
            let Connection { client, server } = Connection::new(&lab, to)?;
            let (mut first, mut second) = if client_first {
                (client, server)
            } else {
                (server, client)
            };
            first.write_all(b"the end")?;
            first.shutdown(Shutdown::Write)?;
            assert_eq!(second.read_to_end(&mut Vec::new())?, 7);
            drop(second);
            assert_eq!(first.read(&mut [0])?, 0);
        }
        lab.connect_to_closed_port(to, 1)
    })
}
