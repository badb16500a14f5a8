//! How long packets wait in the queue of a device is what the queue makes them wait.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::Deref;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::histogram::Histogram;
use kubeskoop_exporter_tests::lab::proc::ProcNet;
use kubeskoop_exporter_tests::lab::traffic;
use kubeskoop_exporter_tests::lab::trio::Trio;
use kubeskoop_exporter_tests::lab::wait::eventually;

const QDISC: &str = "kubeskoop_netiftxlat_qdisc_latency_seconds";
const NETDEV: &str = "kubeskoop_netiftxlat_netdev_latency_seconds";
const SOON: Duration = Duration::from_secs(10);
const SLOW: Duration = Duration::from_millis(100);
/// With its headers, of 8 + 20 + 14 bytes, 1000 bytes.
const PAYLOAD: usize = 1000 - 42;
/// 1000 bytes take 120 ms.
const RATE: &str = "66666bit";

/// Client, server and bystander under an exporter of netiftxlat.
struct Lab(Trio);

impl Deref for Lab {
    type Target = Trio;

    fn deref(&self) -> &Trio {
        &self.0
    }
}

/// Of client, server and bystander; and what the devices of client and server have sent.
struct Seen {
    qdisc: [Histogram; 3],
    netdev: [Histogram; 3],
    sent: [u64; 2],
}

impl Lab {
    fn new() -> Result<Self> {
        Ok(Self(Trio::watched("[netiftxlat]")?))
    }

    /// What the devices have sent is the same before and after the scrape.
    fn look(&self) -> Result<Seen> {
        let mut seen = None;
        eventually(SOON, || {
            let sent = self.sent()?;
            let metrics = self.exporter.scrape()?;
            let qdisc = self.histograms(&metrics, QDISC)?;
            let netdev = self.histograms(&metrics, NETDEV)?;
            for (histograms, counter) in [(&qdisc, "qdiscslow100ms"), (&netdev, "netdevslow100ms")] {
                let name = format!("kubeskoop_netiftxlat_{counter}");
                let counted = self.numbers(&metrics, &name, &[])?;
                for (histogram, counted) in histograms.iter().zip(counted) {
                    assert_eq!(counted, histogram.over(SLOW)?, "{name}: {histogram:?}");
                }
            }
            seen = Some(Seen { qdisc, netdev, sent });
            Ok(self.sent()? == sent)
        })?;
        seen.context("no scrape")
    }

    fn sent(&self) -> Result<[u64; 2]> {
        let of = |netns, device: &str| ProcNet::of(netns).dev()?.get(device, "tx_packets");
        Ok([
            of(&self.client, &self.pair.a.device)?,
            of(&self.server, &self.pair.b.device)?,
        ])
    }

    /// What comes while `run` does something. Every packet that a device sends has been queued once
    /// and handed to the driver once, and nobody else has sent any.
    fn during(&self, run: impl FnOnce() -> Result<()>) -> Result<[Histogram; 2]> {
        let before = self.look()?;
        run()?;
        let after = self.look()?;
        for (after, before) in [(&after.qdisc, &before.qdisc), (&after.netdev, &before.netdev)] {
            assert_eq!(after[2], before[2], "the bystander has sent");
        }
        let grown = |at: usize| -> Result<_> {
            let qdisc = after.qdisc[at].since(&before.qdisc[at])?;
            let netdev = after.netdev[at].since(&before.netdev[at])?;
            let sent = after.sent[at] - before.sent[at];
            assert_eq!((qdisc.count, netdev.count), (sent, sent), "packets of {at}");
            Ok([qdisc, netdev])
        };
        let of_server = grown(1)?;
        for histogram in &of_server {
            assert_eq!(histogram.over(SLOW)?, 0, "the server is not slow: {histogram:?}");
        }
        grown(0)
    }

    /// Sends datagrams to a socket that is there.
    fn send(&self, to: IpAddr, count: usize) -> Result<()> {
        let sink = self.server.run(|| Ok(UdpSocket::bind((to, 0))?))?;
        let to = sink.local_addr()?;
        let from = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        self.client.run(|| {
            let socket = UdpSocket::bind(from)?;
            for _ in 0..count {
                socket.send_to(&[0; PAYLOAD], to)?;
            }
            Ok(())
        })
    }

    /// `tc qdisc <verb>` of a token bucket at the client's device.
    fn bucket(&self, verb: &str, limit: &str) -> Result<()> {
        let place = ["qdisc", verb, "dev", &self.pair.a.device, "root", "tbf"];
        let size = ["rate", RATE, "burst", "1000", "limit", limit];
        self.client.tc(place.into_iter().chain(size))?;
        Ok(())
    }
}

#[test]
fn without_a_queue_every_packet_passes_at_once() -> Result<()> {
    let lab = Lab::new()?;
    for to in lab.pair.b.addresses() {
        for histogram in lab.during(|| lab.send(to, 100))? {
            ensure!(
                histogram.count >= 100 && histogram.over(SLOW)? == 0,
                "{to}: {histogram:?}"
            );
        }
    }
    Ok(())
}

#[test]
fn a_token_bucket_that_lets_a_packet_pass_every_120_ms() -> Result<()> {
    /// A timer of a machine that is busy may be late for one of the edges.
    const ATTEMPTS: u32 = 3;
    let lab = Lab::new()?;
    lab.silence()?;
    lab.bucket("add", "100000")?;
    for attempt in 1.. {
        // The tokens of one packet.
        sleep(Duration::from_millis(200));
        let [qdisc, netdev] = lab.during(|| {
            let before = lab.sent()?[0];
            lab.send(lab.pair.b.v4.into(), 6)?;
            eventually(SOON, || Ok(lab.sent()?[0] == before + 6))
        })?;
        assert_eq!((netdev.count, netdev.over(SLOW)?), (6, 0), "{netdev:?}");
        // The first finds the bucket full; the others wait 120, 240, 360, 480 and 600 ms.
        let over = [100, 200, 500, 1000].map(|edge| qdisc.over(Duration::from_millis(edge)));
        let [slow, longer, longest, too_long] = over;
        if (slow?, longer?, longest?, too_long?) == (5, 4, 1, 0) && (1.79..2.0).contains(&qdisc.sum) {
            return Ok(());
        }
        ensure!(attempt < ATTEMPTS, "{qdisc:?}");
        println!("once more, the timer was late: {qdisc:?}");
    }
    Ok(())
}

#[test]
fn what_a_queue_drops_is_not_counted_and_leaves_nothing_to_what_comes_after() -> Result<()> {
    let lab = Lab::new()?;
    lab.silence()?;
    let to = lab.pair.b.v4.into();
    // Room for one packet beside the one that waits for tokens.
    lab.bucket("add", "2000")?;
    let [qdisc, _] = lab.during(|| {
        lab.send(to, 50)?;
        sleep(Duration::from_millis(600));
        lab.client
            .tc(["qdisc", "del", "dev", &lab.pair.a.device, "root"])?;
        Ok(())
    })?;
    ensure!((1..=5).contains(&qdisc.count), "{qdisc:?}");
    let [qdisc, _] = lab.during(|| lab.send(to, 200))?;
    assert_eq!((qdisc.count, qdisc.over(SLOW)?), (200, 0), "{qdisc:?}");
    Ok(())
}

#[test]
fn a_packet_of_many_segments_is_one() -> Result<()> {
    const BYTES: usize = 5_000_000;
    let lab = Lab::new()?;
    for to in lab.pair.b.addresses() {
        let before = lab.counters("Tcp", "OutSegs")?[0];
        let [qdisc, _] =
            lab.during(|| traffic::tcp_transfer(&lab.server, &lab.client, SocketAddr::new(to, 0), BYTES))?;
        let segments = lab.counters("Tcp", "OutSegs")?[0] - before;
        ensure!(
            (50..segments / 2).contains(&qdisc.count),
            "{} packets of {segments} segments",
            qdisc.count
        );
        assert_eq!(qdisc.over(SLOW)?, 0, "{qdisc:?}");
    }
    Ok(())
}
