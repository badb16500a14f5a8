//! Connections by state and their queues: what a test makes in a namespace is what the exporter says
//! of it, and of no other.

use std::io::{ErrorKind, Write};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::ops::Deref;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::command::output_with_input;
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::metrics::Metrics;
use kubeskoop_exporter_tests::lab::netns::Netns;
use kubeskoop_exporter_tests::lab::path::Path;
use kubeskoop_exporter_tests::lab::proc::ProcNet;
use kubeskoop_exporter_tests::lab::process::{Guard, Signal};
use kubeskoop_exporter_tests::lab::sockets::TcpSockets;
use kubeskoop_exporter_tests::lab::traffic;
use kubeskoop_exporter_tests::lab::trio::Trio;
use kubeskoop_exporter_tests::lab::unprivileged::{OpenDirectory, as_nobody};
use kubeskoop_exporter_tests::lab::wait::eventually;
use kubeskoop_exporter_tests::on_both_paths;
use rustix::net::sockopt;

const CONFIG: &str = "interval: 0\ndebugMode: true\nmetrics: {probes: [tcp, tcpsummary]}\n";
const SOON: Duration = Duration::from_secs(10);
/// The kernel tries a closed window after 0.2 s.
const QUIET: Duration = Duration::from_millis(500);
const CONNECTIONS: usize = 6;
const UNREAD: &[u8] = b"seventeen bytes, ";

on_both_paths!(
    accepted_connections_are_counted_with_what_nobody_has_read,
    connections_that_nobody_has_accepted_are_counted_too,
    a_connection_that_three_processes_hold_is_one,
    a_listener_whose_process_is_stopped_hides_nothing,
    bytes_that_the_other_side_takes_no_more_wait_in_the_tx_queue,
    a_connection_that_only_the_peer_has_closed_is_in_close_wait_and_then_in_time_wait_there,
    a_connect_that_nobody_answers_is_in_syn_sent,
    a_handshake_that_does_not_end_is_in_syn_recv,
    a_namespace_without_a_process_has_its_connections,
);

/// Client, server and bystander under an exporter of tcpsummary.
struct Lab(Trio);

impl Deref for Lab {
    type Target = Trio;

    fn deref(&self) -> &Trio {
        &self.0
    }
}

/// A namespace that no pass sees is entered; without this nobody enters any.
const WITHOUT_ENTERING: [&str; 2] = ["setpriv", "--bounding-set=-sys_admin"];

impl Lab {
    /// On the path of the passes these alone must do.
    fn new(path: Path) -> Result<Self> {
        let builder = path.builder().config(CONFIG);
        let exporter = match path {
            Path::Pass => builder.wrap(WITHOUT_ENTERING).start()?,
            Path::Files => builder.start()?,
        };
        path.is_taken(&exporter)?;
        Trio::inhabited(path, exporter).map(Self)
    }

    /// Waits until the kernel lists these sockets of client and server, and has the exporter say
    /// the same.
    fn expect(&self, client: TcpSockets, server: TcpSockets) -> Result<()> {
        let expected = [
            (&self.client, client),
            (&self.server, server),
            (&self.bystander, TcpSockets::default()),
        ];
        let mut listed = TcpSockets::default();
        for (netns, sockets) in expected {
            eventually(SOON, || {
                listed = TcpSockets::read(&ProcNet::of(netns))?;
                Ok(listed == sockets)
            })
            .with_context(|| format!("{}: {listed:?} instead of {sockets:?}", netns.name()))?;
        }
        let scrape = self.exporter.scrape()?;
        for (netns, sockets) in expected {
            let exported = exported(&scrape, netns.name())?;
            let name = netns.name();
            ensure!(exported == sockets, "{name}: {exported:?} instead of {sockets:?}");
        }
        Ok(())
    }

    /// The addresses of the server, with one to listen on for each: IPv4, IPv6, and IPv4 of an IPv6
    /// socket.
    fn addresses(&self) -> [(SocketAddr, IpAddr); 3] {
        let [v4, v6] = self.pair.b.addresses();
        [
            (SocketAddr::new(v4, 0), v4),
            (SocketAddr::new(v6, 0), v6),
            (SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), 0), v4),
        ]
    }

    fn listen(&self, address: SocketAddr) -> Result<TcpListener> {
        self.server.run(|| Ok(TcpListener::bind(address)?))
    }

    fn connect(&self, to: IpAddr, listener: &TcpListener) -> Result<TcpStream> {
        let address = SocketAddr::new(to, listener.local_addr()?.port());
        self.client
            .run(|| Ok(TcpStream::connect_timeout(&address, SOON)?))
    }

    /// Drops what matches a rule where packets arrive.
    fn drop_arrivals(netns: &Netns, matches: &str) -> Result<()> {
        let rules = format!(
            "add table inet lab\n\
             add chain inet lab arrivals {{ type filter hook input priority 0; }}\n\
             add rule inet lab arrivals {matches} drop\n"
        );
        output_with_input(netns.command("nft").args(["-f", "-"]), &rules)?;
        Ok(())
    }
}

fn exported(scrape: &Metrics, netns: &str) -> Result<TcpSockets> {
    let number = |metric: &str| {
        let name = format!("kubeskoop_tcpsummary_{metric}");
        let samples = scrape.matching(&name, &[("netns", netns)]);
        ensure!(
            samples.len() == 1,
            "{} samples of {name} in {netns}",
            samples.len()
        );
        samples[0]
            .raw
            .parse()
            .with_context(|| format!("{name} is {}", samples[0].raw))
    };
    Ok(TcpSockets {
        established: number("tcpestablishedconn")?,
        syn_sent: number("tcpsynsentconn")?,
        syn_recv: number("tcpsynrecvconn")?,
        time_wait: number("tcptimewaitconn")?,
        close_wait: number("tcpclosewaitconn")?,
        tx_queue: number("tcptxqueue")?,
        rx_queue: number("tcprxqueue")?,
    })
}

/// Connections to a listener, of which some are accepted; each has `UNREAD` to read.
#[derive(Debug)]
struct Connections {
    _clients: Vec<TcpStream>,
    accepted: Vec<TcpStream>,
}

impl Connections {
    fn new(lab: &Lab, to: IpAddr, listener: &TcpListener, accepted: usize) -> Result<Self> {
        let mut clients = Vec::new();
        for _ in 0..CONNECTIONS {
            let mut client = lab.connect(to, listener)?;
            client.write_all(UNREAD)?;
            clients.push(client);
        }
        let accept = |_| Ok(listener.accept()?.0);
        let accepted = (0..accepted).map(accept).collect::<Result<_>>()?;
        Ok(Self {
            _clients: clients,
            accepted,
        })
    }
}

/// What a client and a server with that many `Connections` have.
fn established(connections: usize) -> Result<(TcpSockets, TcpSockets)> {
    let client = TcpSockets {
        established: connections.try_into()?,
        ..TcpSockets::default()
    };
    let rx_queue = (connections * UNREAD.len()).try_into()?;
    Ok((client, TcpSockets { rx_queue, ..client }))
}

/// A number that has not changed for a while.
fn settled(mut read: impl FnMut() -> Result<u64>) -> Result<u64> {
    let (mut last, mut since) = (read()?, Instant::now());
    eventually(SOON, || {
        let now = read()?;
        if now != last {
            (last, since) = (now, Instant::now());
        }
        Ok(since.elapsed() > QUIET)
    })?;
    Ok(last)
}

/// A process that holds a socket and never wakes up.
fn holder(socket: OwnedFd) -> Result<Guard> {
    let mut command = Command::new("sleep");
    Guard::spawn(command.arg("300").stdin(Stdio::from(socket)))
}

fn accepted_connections_are_counted_with_what_nobody_has_read(path: Path) -> Result<()> {
    let lab = Lab::new(path)?;
    let mut all = Vec::new();
    for (number, (listen, connect)) in (1..).zip(lab.addresses()) {
        let listener = lab.listen(listen)?;
        all.push(Connections::new(&lab, connect, &listener, CONNECTIONS)?);
        drop(listener);
        let (client, server) = established(number * CONNECTIONS)?;
        lab.expect(client, server)
            .with_context(|| format!("{connect} of {listen}"))?;
    }
    Ok(())
}

fn connections_that_nobody_has_accepted_are_counted_too(path: Path) -> Result<()> {
    let lab = Lab::new(path)?;
    let mut all = Vec::new();
    for (number, (listen, connect)) in (1..).zip(lab.addresses()) {
        let listener = lab.listen(listen)?;
        let connections = Connections::new(&lab, connect, &listener, 2)?;
        all.push((listener, connections));
        let (client, server) = established(number * CONNECTIONS)?;
        lab.expect(client, server)
            .with_context(|| format!("{connect} of {listen}"))?;
    }
    Ok(())
}

fn a_connection_that_three_processes_hold_is_one(path: Path) -> Result<()> {
    let lab = Lab::new(path)?;
    let mut all = Vec::new();
    for (number, (listen, connect)) in (1..).zip(lab.addresses()) {
        let listener = lab.listen(listen)?;
        let mut connections = Connections::new(&lab, connect, &listener, CONNECTIONS)?;
        let mut holders = Vec::new();
        for stream in std::mem::take(&mut connections.accepted) {
            for _ in 0..3 {
                holders.push(holder(stream.try_clone()?.into())?);
            }
        }
        all.push((connections, holders));
        let (client, server) = established(number * CONNECTIONS)?;
        lab.expect(client, server)
            .with_context(|| format!("{connect} of {listen}"))?;
    }
    Ok(())
}

fn a_listener_whose_process_is_stopped_hides_nothing(path: Path) -> Result<()> {
    let lab = Lab::new(path)?;
    let (listen, connect) = lab.addresses()[2];
    let listener = lab.listen(listen)?;
    let mut process = holder(listener.try_clone()?.into())?;
    process.signal(Signal::STOP)?;
    let _connections = Connections::new(&lab, connect, &listener, 0)?;
    drop(listener);
    let (client, server) = established(CONNECTIONS)?;
    lab.expect(client, server)
}

fn bytes_that_the_other_side_takes_no_more_wait_in_the_tx_queue(path: Path) -> Result<()> {
    let lab = Lab::new(path)?;
    for (listen, connect) in lab.addresses() {
        let listener = lab.listen(listen)?;
        sockopt::set_socket_recv_buffer_size(&listener, 16 * 1024)?;
        let mut client = lab.connect(connect, &listener)?;
        let server = listener.accept()?.0;
        client.set_nonblocking(true)?;
        let mut written = 0;
        // The window closes, then the buffer of the sender fills.
        eventually(SOON, || {
            let before = written;
            loop {
                match client.write(&[b'x'; 16 * 1024]) {
                    Ok(length) => written += u64::try_from(length)?,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(written == before),
                    Err(error) => return Err(error.into()),
                }
            }
        })?;
        let rx_queue = settled(|| Ok(rustix::io::ioctl_fionread(&server)?))?;
        let one = TcpSockets {
            established: 1,
            ..TcpSockets::default()
        };
        // What has not been acknowledged has not been received: nothing is under way any more.
        let tx_queue = written - rx_queue;
        ensure!(tx_queue > 0 && rx_queue > 0, "{tx_queue} {rx_queue}");
        lab.expect(TcpSockets { tx_queue, ..one }, TcpSockets { rx_queue, ..one })
            .with_context(|| format!("{connect} of {listen}"))?;
        // Without a FIN, so that the next one finds nothing.
        sockopt::set_socket_linger(&client, Some(Duration::ZERO))?;
    }
    Ok(())
}

fn a_connection_that_only_the_peer_has_closed_is_in_close_wait_and_then_in_time_wait_there(
    path: Path,
) -> Result<()> {
    let lab = Lab::new(path)?;
    for (number, (listen, connect)) in (1..).zip(lab.addresses()) {
        let listener = lab.listen(listen)?;
        let client = lab.connect(connect, &listener)?;
        let server = listener.accept()?.0;
        drop(client);
        // It waits for the other side in FIN_WAIT_2, as something that nobody holds any more.
        let half_closed = TcpSockets {
            time_wait: number,
            ..TcpSockets::default()
        };
        let close_wait = TcpSockets {
            close_wait: 1,
            ..TcpSockets::default()
        };
        lab.expect(half_closed, close_wait)?;
        drop(server);
        let closed = TcpSockets {
            time_wait: number,
            ..TcpSockets::default()
        };
        lab.expect(closed, TcpSockets::default())
            .with_context(|| format!("{connect} of {listen}"))?;
    }
    Ok(())
}

/// One that only a mount keeps.
fn a_namespace_without_a_process_has_its_connections(path: Path) -> Result<()> {
    let lab = Lab(Trio::uninhabited(path.exporter(CONFIG)?)?);
    let (listen, connect) = lab.addresses()[0];
    let listener = lab.listen(listen)?;
    let _connections = Connections::new(&lab, connect, &listener, 2)?;
    let (client, server) = established(CONNECTIONS)?;
    lab.expect(client, server)
}

fn a_connect_that_nobody_answers_is_in_syn_sent(path: Path) -> Result<()> {
    let lab = Lab::new(path)?;
    Lab::drop_arrivals(&lab.server, "meta l4proto tcp")?;
    let mut all = Vec::new();
    for (number, address) in (1..).zip(lab.pair.b.addresses()) {
        let address = SocketAddr::new(address, 9);
        all.push(lab.client.run(|| traffic::connect_nonblocking(address, 3))?);
        let client = TcpSockets {
            syn_sent: number * 3,
            ..TcpSockets::default()
        };
        lab.expect(client, TcpSockets::default())
            .with_context(|| address.to_string())?;
    }
    Ok(())
}

fn a_handshake_that_does_not_end_is_in_syn_recv(path: Path) -> Result<()> {
    let lab = Lab::new(path)?;
    Lab::drop_arrivals(&lab.client, "tcp flags & (syn | ack) == syn | ack")?;
    let mut all = Vec::new();
    for (number, (listen, connect)) in (1..).zip(lab.addresses()) {
        let listener = lab.listen(listen)?;
        let address = SocketAddr::new(connect, listener.local_addr()?.port());
        let streams = lab.client.run(|| traffic::connect_nonblocking(address, 3))?;
        all.push((listener, streams));
        let client = TcpSockets {
            syn_sent: number * 3,
            ..TcpSockets::default()
        };
        let server = TcpSockets {
            syn_recv: number * 3,
            ..TcpSockets::default()
        };
        lab.expect(client, server)
            .with_context(|| format!("{connect} of {listen}"))?;
    }
    Ok(())
}

/// Files that anybody may read show that a namespace has no TCP socket; others must be entered.
#[test]
fn without_capabilities_the_own_namespace_is_served_and_the_missing_one_named() -> Result<()> {
    let netns = Netns::new("closed")?;
    let _listener = netns.run(|| Ok(TcpListener::bind("127.0.0.1:0")?))?;
    let directory = OpenDirectory::new()?;
    let exporter = Exporter::builder()
        .binary(directory.program())
        .wrap(as_nobody())
        .config(CONFIG)
        .args(["--no-bpf"])
        .start()?;
    let scrape = exporter.scrape()?;
    exported(&scrape, "")?;
    ensure!(
        scrape
            .matching(
                "kubeskoop_tcpsummary_tcpestablishedconn",
                &[("netns", netns.name())]
            )
            .is_empty()
    );
    let probe = exporter.probe_status("tcpsummary")?;
    assert_eq!(
        (&probe["state"], &probe["source"]),
        (&"up".into(), &"netlink".into())
    );
    let reason = probe["reason"].as_str().unwrap_or_default();
    ensure!(reason.contains("CAP_SYS_ADMIN is missing"), "{reason}");
    Ok(())
}
