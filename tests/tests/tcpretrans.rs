//! TCP segments that are sent again count in the namespace that sends them, as often as the kernel
//! says.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::ops::Deref;
use std::thread::{self, sleep};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use kubeskoop_exporter_tests::lab::connection::{Connection, reset_at_close};
use kubeskoop_exporter_tests::lab::firewall::Firewall;
use kubeskoop_exporter_tests::lab::guest::attempts;
use kubeskoop_exporter_tests::lab::traffic;
use kubeskoop_exporter_tests::lab::trio::Trio;
use kubeskoop_exporter_tests::lab::wait::eventually;

const SOON: Duration = Duration::from_secs(15);
/// Where it stands among client, server and bystander.
const CLIENT: usize = 0;
const SERVER: usize = 1;

/// Waits until something has been sent again.
type Again<'a> = dyn Fn() -> Result<()> + 'a;

/// Client, server and bystander under an exporter of tcpretrans.
struct Lab(Trio);

impl Deref for Lab {
    type Target = Trio;

    fn deref(&self) -> &Trio {
        &self.0
    }
}

/// Of each, what the exporter and what the kernel says.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Retransmits {
    exported: [u64; 3],
    kernel: [u64; 3],
}

impl Retransmits {
    fn since(mut self, before: &Self) -> Self {
        let own = self.exported.iter_mut().chain(&mut self.kernel);
        for (after, before) in own.zip(before.exported.iter().chain(&before.kernel)) {
            *after -= before;
        }
        self
    }
}

impl Lab {
    fn new() -> Result<Self> {
        Ok(Self(Trio::watched("[tcpretrans]")?))
    }

    /// `RetransSegs` without what could not even be sent, which is in it too.
    fn kernel(&self) -> Result<[u64; 3]> {
        let mut segments = self.counters("Tcp", "RetransSegs")?;
        let failed = self.counters("TcpExt", "TCPRetransFail")?;
        segments
            .iter_mut()
            .zip(failed)
            .for_each(|(all, failed)| *all -= failed);
        Ok(segments)
    }

    /// The kernel says the same before and after the scrape.
    fn look(&self) -> Result<Retransmits> {
        let mut found = None;
        eventually(SOON, || {
            let kernel = self.kernel()?;
            let metrics = self.exporter.scrape()?;
            let exported = self.numbers(&metrics, "kubeskoop_tcpretrans_total", &[])?;
            found = Some(Retransmits { exported, kernel });
            Ok(self.kernel()? == kernel)
        })?;
        found.context("no scrape")
    }

    /// Does something that has one of them send again, once over each version of IP. `again` waits
    /// until the kernel counts that it was for this reason.
    fn expect(
        &self,
        sender: usize,
        reason: &str,
        run: impl Fn(IpAddr, &Again<'_>) -> Result<()>,
    ) -> Result<()> {
        for to in self.pair.b.addresses() {
            self.expect_from(sender, reason, |again| run(to, again))
                .with_context(|| to.to_string())?;
        }
        Ok(())
    }

    fn expect_from(&self, sender: usize, reason: &str, run: impl Fn(&Again<'_>) -> Result<()>) -> Result<()> {
        let mut last = None;
        for _ in 0..attempts() {
            let before = self.look()?;
            let counted = self.counters("TcpExt", reason)?[sender];
            run(&|| eventually(SOON, || Ok(self.counters("TcpExt", reason)?[sender] > counted)))
                .context(reason.to_owned())?;
            let grown = self.look()?.since(&before);
            ensure!(grown.kernel[sender] > 0, "nothing was sent again");
            let mut pairs = grown.exported.iter().zip(grown.kernel);
            ensure!(pairs.all(|(exported, kernel)| *exported <= kernel), "{grown:?}");
            let others = grown.kernel.iter().sum::<u64>() - grown.kernel[sender];
            if grown.exported == grown.kernel && others == 0 {
                return Ok(());
            }
            println!("not all was seen, or another one had to send again: {grown:?}");
            last = Some(grown);
        }
        bail!("{last:?}")
    }
}

#[test]
fn a_syn_that_nobody_answers() -> Result<()> {
    let lab = Lab::new()?;
    lab.expect(CLIENT, "TCPSynRetrans", |to, again| {
        let _silence = Firewall::dropping(&lab.server, "tcp dport 79")?;
        let _connecting = lab
            .client
            .run(|| traffic::connect_nonblocking(SocketAddr::new(to, 79), 1))?;
        again()
    })
}

#[test]
fn a_syn_ack_that_nobody_acknowledges() -> Result<()> {
    let lab = Lab::new()?;
    lab.expect(SERVER, "TCPSynRetrans", |to, again| {
        let listener = lab.server.run(|| Ok(TcpListener::bind((to, 0))?))?;
        let address = listener.local_addr()?;
        let only_syn = format!("tcp dport {} tcp flags & (syn | ack) == ack", address.port());
        let silence = Firewall::dropping(&lab.server, &only_syn)?;
        let clients = lab.client.run(|| traffic::connect_nonblocking(address, 1))?;
        again()?;
        drop(silence);
        // Without a FIN, which the half-open connection could have sent again.
        clients.iter().try_for_each(reset_at_close)
    })
}

#[test]
fn data_whose_acknowledgement_does_not_come_in_time() -> Result<()> {
    let lab = Lab::new()?;
    lab.expect(CLIENT, "TCPTimeouts", |to, again| {
        let Connection {
            mut client,
            mut server,
        } = Connection::new(&lab, to)?;
        client.write_all(b"x")?;
        server.read_exact(&mut [0])?;
        let port = server.local_addr()?.port();
        let silence = Firewall::dropping(&lab.server, &format!("tcp dport {port}"))?;
        client.write_all(b"lost")?;
        again()?;
        drop(silence);
        server.read_exact(&mut [0; 4]).context("it comes at last")?;
        reset_at_close(&client)
    })
}

#[test]
fn segments_of_large_packets_that_are_lost_on_the_way() -> Result<()> {
    const PIECES: usize = 60;
    const PIECE: usize = 10_000;
    let lab = Lab::new()?;
    lab.expect(CLIENT, "TCPFastRetrans", |to, again| {
        let Connection {
            mut client,
            mut server,
        } = Connection::new(&lab, to)?;
        client.set_nodelay(true)?;
        let port = server.local_addr()?.port();
        let reader = thread::spawn(move || server.read_to_end(&mut Vec::new()));
        // Once the window is open. What comes after a lost packet has the loss noticed at once.
        client.write_all(&vec![1; 2 * PIECE])?;
        sleep(Duration::from_millis(20));
        let loss = format!("tcp dport {port} meta length > 200 numgen inc mod 7 0");
        let loss = Firewall::dropping(&lab.server, &loss)?;
        for _ in 0..PIECES {
            client.write_all(&[2; PIECE])?;
            sleep(Duration::from_millis(2));
        }
        again()?;
        drop(loss);
        drop(client);
        let read = reader.join().ok().context("the reader has panicked")??;
        assert_eq!(read, (PIECES + 2) * PIECE);
        Ok(())
    })
}

#[test]
fn connections_that_lose_nothing_send_nothing_again() -> Result<()> {
    let lab = Lab::new()?;
    for to in lab.pair.b.addresses() {
        let before = lab.look()?;
        traffic::tcp_transfer(&lab.server, &lab.client, SocketAddr::new(to, 0), 100_000)?;
        assert_eq!(lab.look()?, before);
    }
    Ok(())
}
