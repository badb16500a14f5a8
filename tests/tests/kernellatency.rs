//! Packets are counted where they pass the network layer of the kernel, with the time they take.
//!
//! Where functions cannot be hooked, which `/status` says, tracepoints see less, and that exactly.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::Deref;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::connection::Connection;
use kubeskoop_exporter_tests::lab::firewall::Firewall;
use kubeskoop_exporter_tests::lab::histogram::Histogram;
use kubeskoop_exporter_tests::lab::proc::ProcNet;
use kubeskoop_exporter_tests::lab::traffic;
use kubeskoop_exporter_tests::lab::trio::Trio;
use kubeskoop_exporter_tests::lab::wait::eventually;

const RX: &str = "kubeskoop_kernellatency_rx_latency_seconds";
const TX: &str = "kubeskoop_kernellatency_tx_latency_seconds";
const SOON: Duration = Duration::from_secs(10);
const SLOW: Duration = Duration::from_millis(100);

/// Client, server and bystander under an exporter of kernellatency.
struct Lab {
    trio: Trio,
    has_functions: bool,
}

impl Deref for Lab {
    type Target = Trio;

    fn deref(&self) -> &Trio {
        &self.trio
    }
}

/// What the kernel counts of client and server.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Kernel {
    tcp_in: [u64; 2],
    tcp_out: [u64; 2],
    /// Of both versions, among it neighbour discovery, which comes when it likes.
    icmp_in: [u64; 2],
}

/// Times of client, server and bystander, with what the kernel has counted.
#[derive(Debug)]
struct Seen {
    rx: [Histogram; 3],
    tx: [Histogram; 3],
    kernel: Kernel,
}

impl Lab {
    fn new() -> Result<Self> {
        let trio = Trio::watched("[{name: kernellatency, args: {buckets: full}}]")?;
        let status = trio.exporter.probe_status("kernellatency")?;
        let reason = status["reason"].as_str().unwrap_or_default();
        let has_functions = !reason.contains("tracepoints stand in");
        println!("functions are hooked: {has_functions} {reason}");
        Ok(Self { trio, has_functions })
    }

    fn kernel(&self) -> Result<Kernel> {
        let tcp = |name| -> Result<[u64; 2]> {
            let [client, server, _] = self.counters("Tcp", name)?;
            Ok([client, server])
        };
        let icmp = |netns| -> Result<u64> {
            let net = ProcNet::of(netns);
            Ok(net.snmp()?.get("Icmp", "InMsgs")? + net.snmp6()?.get("Icmp6", "InMsgs")?)
        };
        Ok(Kernel {
            tcp_in: tcp("InSegs")?,
            tcp_out: tcp("OutSegs")?,
            icmp_in: [icmp(&self.client)?, icmp(&self.server)?],
        })
    }

    /// The kernel says the same before and after the scrape.
    fn look(&self) -> Result<Seen> {
        let mut seen = None;
        eventually(SOON, || {
            let kernel = self.kernel()?;
            let metrics = self.exporter.scrape()?;
            let (rx, tx) = (self.histograms(&metrics, RX)?, self.histograms(&metrics, TX)?);
            for (histograms, direction) in [(&rx, "rx"), (&tx, "tx")] {
                for (counter, edge) in [("slow", 10), ("slow100ms", 100)] {
                    let name = format!("kubeskoop_kernellatency_{direction}{counter}");
                    let counted = self.numbers(&metrics, &name, &[])?;
                    for (histogram, counted) in histograms.iter().zip(counted) {
                        let over = histogram.over(Duration::from_millis(edge))?;
                        assert_eq!(counted, over, "{name}: {histogram:?}");
                    }
                }
            }
            seen = Some(Seen { rx, tx, kernel });
            Ok(self.kernel()? == kernel)
        })?;
        seen.context("no scrape")
    }

    /// What comes while `run` does something, and nothing of the bystander.
    fn during(&self, run: impl FnOnce() -> Result<()>) -> Result<Seen> {
        let before = self.look()?;
        run()?;
        let after = self.look()?;
        let since = |after: &[Histogram; 3], before: &[Histogram; 3]| -> Result<[Histogram; 3]> {
            assert_eq!(after[2], before[2], "the bystander");
            let [client, server, bystander] = [0, 1, 2].map(|at| after[at].since(&before[at]));
            Ok([client?, server?, bystander?])
        };
        let less = |after: [u64; 2], before: [u64; 2]| [after[0] - before[0], after[1] - before[1]];
        Ok(Seen {
            rx: since(&after.rx, &before.rx)?,
            tx: since(&after.tx, &before.tx)?,
            kernel: Kernel {
                tcp_in: less(after.kernel.tcp_in, before.kernel.tcp_in),
                tcp_out: less(after.kernel.tcp_out, before.kernel.tcp_out),
                icmp_in: less(after.kernel.icmp_in, before.kernel.icmp_in),
            },
        })
    }

    /// Sends datagrams from port 1234, and waits until all have been received.
    fn send(&self, to: IpAddr, count: usize) -> Result<()> {
        let sink = self.server.run(|| Ok(UdpSocket::bind((to, 0))?))?;
        sink.set_read_timeout(Some(SOON))?;
        let to = sink.local_addr()?;
        let from = if to.is_ipv4() { "0.0.0.0" } else { "::" };
        let socket = self.client.run(|| Ok(UdpSocket::bind((from, 1234))?))?;
        for _ in 0..count {
            socket.send_to(b"0123456789", to)?;
            sink.recv(&mut [0; 16])?;
        }
        Ok(())
    }
}

/// How many packets were counted of client and server.
fn counts(histograms: &[Histogram; 3]) -> [u64; 2] {
    [histograms[0].count, histograms[1].count]
}

#[test]
fn each_datagram_counts_where_it_is_sent_and_where_it_is_received() -> Result<()> {
    let lab = Lab::new()?;
    for to in lab.pair.b.addresses() {
        let seen = lab.during(|| lab.send(to, 100))?;
        let (received, sent) = if lab.has_functions {
            let [client, server] = seen.kernel.icmp_in;
            ([client, 100 + server], [100, 0])
        } else {
            // Of what makes no socket readable, and of what is not TCP, nothing is seen.
            ([0, 100], [0, 0])
        };
        assert_eq!(counts(&seen.rx), received, "{to}: received: {seen:?}");
        assert_eq!(counts(&seen.tx), sent, "{to}: sent: {seen:?}");
    }
    Ok(())
}

#[test]
fn each_segment_counts_where_it_is_sent_and_where_it_is_received() -> Result<()> {
    const TIMES: u64 = 50;
    let lab = Lab::new()?;
    for to in lab.pair.b.addresses() {
        let Connection {
            mut client,
            mut server,
        } = Connection::new(&lab, to)?;
        // So small that a segment is a packet.
        let seen = lab.during(|| {
            for _ in 0..TIMES {
                client.write_all(b"question")?;
                server.read_exact(&mut [0; 8])?;
                server.write_all(b"answer")?;
                client.read_exact(&mut [0; 6])?;
            }
            Ok(())
        })?;
        let Kernel {
            tcp_in,
            tcp_out,
            icmp_in,
        } = seen.kernel;
        let received = if lab.has_functions {
            [tcp_in[0] + icmp_in[0], tcp_in[1] + icmp_in[1]]
        } else {
            [TIMES, TIMES]
        };
        assert_eq!(counts(&seen.rx), received, "{to}: received: {seen:?}");
        assert_eq!(counts(&seen.tx), tcp_out, "{to}: sent: {seen:?}");
        ensure!(tcp_in[1] >= TIMES, "{seen:?}");
    }
    Ok(())
}

#[test]
fn packets_that_meet_many_rules_take_longer() -> Result<()> {
    const PACKETS: usize = 50;
    const RULES: u16 = 3000;
    let lab = Lab::new()?;
    for to in lab.pair.b.addresses() {
        lab.send(to, 1)?;
        let without = lab.during(|| lab.send(to, PACKETS))?.rx[1].mean()?;
        let _rules = Firewall::slow(&lab.server, RULES)?;
        let seen = lab.during(|| lab.send(to, PACKETS))?;
        let rx = &seen.rx[1];
        let with = rx.mean()?;
        println!("{to}: {without} s without, {with} s with {RULES} rules");
        let slow = rx.over(Duration::from_micros(5))?;
        ensure!(slow >= PACKETS as u64 && with > 2.0 * without, "{to}: {rx:?}");
    }
    Ok(())
}

/// The packet waits for the address of its neighbour between IP and the device.
#[test]
fn a_packet_that_waits_for_the_address_of_its_neighbour() -> Result<()> {
    let lab = Lab::new()?;
    for to in lab.pair.b.addresses() {
        lab.send(to, 1)?;
        lab.client.ip(["neigh", "flush", "dev", &lab.pair.a.device])?;
        let seen = lab.during(|| {
            let deaf = Deaf::new(&lab, to)?;
            let _connecting = begin(&lab, to)?;
            sleep(2 * SLOW);
            drop(deaf);
            // The kernel asks again every second.
            let device = lab.pair.a.device.as_str();
            eventually(SOON, || {
                let shown = lab.client.ip(["neigh", "show", "dev", device])?;
                let mut lines = shown.lines();
                Ok(lines.any(|line| line.starts_with(&format!("{to} ")) && line.contains("lladdr")))
            })
        })?;
        let tx = &seen.tx[0];
        let waited = tx.over(SLOW)?;
        if lab.has_functions {
            assert_eq!(waited, 1, "{to}: {tx:?}");
        } else {
            // Its SYN, and those that came after it.
            ensure!(waited > 0, "{to}: {tx:?}");
        }
        assert_eq!(seen.tx[1].over(SLOW)?, 0, "{to}: the server: {seen:?}");
    }
    Ok(())
}

/// Sends a packet of a kind that is seen here, and holds what it takes.
fn begin(lab: &Lab, to: IpAddr) -> Result<Vec<std::net::TcpStream>> {
    let to = SocketAddr::new(to, 9);
    lab.client.run(|| {
        if lab.has_functions {
            traffic::udp_to_closed_port(to, 1)?;
            return Ok(Vec::new());
        }
        traffic::connect_nonblocking(to, 1)
    })
}

/// The server does not answer who asks for its address, until this is dropped.
struct Deaf<'a> {
    lab: &'a Lab,
    /// What IPv6 asks by is dropped. For IPv4 the device is told.
    firewall: Option<Firewall<'a>>,
}

impl<'a> Deaf<'a> {
    fn new(lab: &'a Lab, to: IpAddr) -> Result<Self> {
        if to.is_ipv6() {
            let firewall = Firewall::dropping(&lab.server, "icmpv6 type nd-neighbor-solicit")?;
            let firewall = Some(firewall);
            return Ok(Self { lab, firewall });
        }
        let deaf = Self { lab, firewall: None };
        deaf.answer("off")?;
        Ok(deaf)
    }

    fn answer(&self, switch: &str) -> Result<()> {
        let device = self.lab.pair.b.device.as_str();
        self.lab.server.ip(["link", "set", device, "arp", switch])?;
        Ok(())
    }
}

impl Drop for Deaf<'_> {
    fn drop(&mut self) {
        if self.firewall.is_none()
            && let Err(error) = self.answer("on")
        {
            eprintln!("{error:#}");
        }
    }
}
