//! A client and a server under an exporter of packetloss.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::cpu::stay_on_this_cpu;
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::loss::{Drops, Loss, unattributed};
use kubeskoop_exporter_tests::lab::netns::Netns;
use kubeskoop_exporter_tests::lab::proc::ProcNet;
use kubeskoop_exporter_tests::lab::process::Guard;
use kubeskoop_exporter_tests::lab::unprivileged::OpenDirectory;
use kubeskoop_exporter_tests::lab::veth::Pair;
use kubeskoop_exporter_tests::lab::wait::eventually;

pub const CONFIG: &str = "interval: 0\ndebugMode: true\nmetrics: {probes: [packetloss]}\n";
/// The name of what nobody misses where the kernel gives no reason.
pub const ROUTINE: &str = "NOT_SPECIFIED_ROUTINE";
pub const SOON: Duration = Duration::from_secs(10);
/// What is to come has come by then.
const SETTLED: Duration = Duration::from_millis(150);
const HIDDEN: &str = "the kernel hides its symbols";
const SHOWN: &str = "places of routine frees";

/// Whether the exporter may see where functions of the kernel are.
#[derive(Clone, Copy, Debug)]
pub enum Symbols {
    Shown,
    Hidden,
}

/// The families of addresses in the namespaces.
#[derive(Clone, Copy, Debug)]
pub enum Family {
    /// No IPv6, so that nothing is sent but what a test sends.
    V4,
    V6,
}

/// Client, server, and the exporter that knows both.
pub struct Lab {
    pub exporter: Exporter,
    pub client: Netns,
    pub server: Netns,
    pub pair: Pair,
    _inhabitants: [Guard; 2],
    _program: Option<OpenDirectory>,
}

/// What the exporter said at some moment.
pub struct Mark {
    pub client: Loss,
    pub server: Loss,
    pub unattributed: Drops,
}

/// An exporter, and the directory of its program if that is a copy.
pub fn exporter(symbols: Symbols) -> Result<(Exporter, Option<OpenDirectory>)> {
    let builder = Exporter::builder().config(CONFIG);
    let Symbols::Hidden = symbols else {
        let exporter = builder.start()?;
        exporter.scrape()?;
        exporter.wait_for_log(SHOWN, SOON)?;
        return Ok((exporter, None));
    };
    let open = OpenDirectory::new()?;
    let capabilities = "+bpf,+perfmon";
    let wrapper = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        &format!("--bounding-set=-all,{capabilities}"),
        &format!("--inh-caps=-all,{capabilities}"),
        &format!("--ambient-caps=-all,{capabilities}"),
    ];
    let exporter = builder.binary(open.program()).wrap(wrapper).start()?;
    exporter.scrape()?;
    exporter.wait_for_log(HIDDEN, SOON)?;
    Ok((exporter, Some(open)))
}

impl Lab {
    /// With the symbols of the kernel.
    pub fn new(family: Family) -> Result<Self> {
        Self::with(family, Symbols::Shown)
    }

    pub fn with(family: Family, symbols: Symbols) -> Result<Self> {
        let (exporter, program) = exporter(symbols)?;
        let (client, server) = (Netns::new("client")?, Netns::new("server")?);
        let pair = match family {
            Family::V4 => Netns::connect_v4(&client, &server)?,
            Family::V6 => Netns::connect(&client, &server)?,
        };
        let inhabitants = [client.spawn_sleeper()?, server.spawn_sleeper()?];
        let lab = Self {
            exporter,
            client,
            server,
            pair,
            _inhabitants: inhabitants,
            _program: program,
        };
        // Both know each other's link addresses before anything is measured.
        for address in lab.addresses(family) {
            lab.greet(address)?;
        }
        lab.mark().context("both have numbers")?;
        stay_on_this_cpu()?;
        Ok(lab)
    }

    /// The addresses of the server.
    pub fn addresses(&self, family: Family) -> Vec<IpAddr> {
        match family {
            Family::V4 => vec![self.pair.b.v4.into()],
            Family::V6 => self.pair.b.addresses().to_vec(),
        }
    }

    /// A port of the server, over IPv4.
    pub fn server_at(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.pair.b.v4.into(), port)
    }

    fn greet(&self, address: IpAddr) -> Result<()> {
        let server = self.server.run(|| Ok(UdpSocket::bind((address, 0))?))?;
        server.set_read_timeout(Some(SOON))?;
        let to = server.local_addr()?;
        self.client.run(|| send(to, 1))?;
        server.recv_from(&mut [0; 64])?;
        Ok(())
    }

    pub fn mark(&self) -> Result<Mark> {
        let scrape = self.exporter.scrape()?;
        Ok(Mark {
            client: Loss::of(&scrape, self.client.name())?,
            server: Loss::of(&scrape, self.server.name())?,
            unattributed: unattributed(&scrape)?,
        })
    }

    /// What has been lost since then in client and server.
    pub fn since(&self, before: &Mark) -> Result<[Loss; 2]> {
        let now = self.mark()?;
        Ok([now.client.since(&before.client), now.server.since(&before.server)])
    }

    /// An error unless exactly this has been lost since then, in client and server, and nothing more
    /// comes.
    pub fn expect(&self, before: &Mark, client: Loss, server: Loss) -> Result<()> {
        let expected = [client, server];
        let mut lost = self.since(before)?;
        let settled = eventually(SOON, || {
            lost = self.since(before)?;
            Ok(lost == expected)
        });
        settled.with_context(|| format!("{lost:?} instead of {expected:?}"))?;
        sleep(SETTLED);
        let lost = self.since(before)?;
        ensure!(lost == expected, "in the end {lost:?} instead of {expected:?}");
        Ok(())
    }

    /// Lets `act` happen, after which exactly this must have been lost.
    pub fn loses(&self, client: Loss, server: Loss, act: impl FnOnce() -> Result<()>) -> Result<()> {
        let before = self.mark()?;
        act()?;
        self.expect(&before, client, server)
    }

    /// A counter of the server, such as `Udp`, `NoPorts`.
    pub fn counted_by_server(&self, group: &str, name: &str) -> Result<u64> {
        counted(&self.server, group, name)
    }
}

/// A counter of the kernel in a namespace.
pub fn counted(netns: &Netns, group: &str, name: &str) -> Result<u64> {
    let net = ProcNet::of(netns);
    match net.snmp()?.get(group, name) {
        Ok(count) => Ok(count),
        Err(_) => net.netstat()?.get(group, name),
    }
}

/// Sends datagrams from the namespace of the calling thread; some may be refused.
pub fn send(to: SocketAddr, count: u32) -> Result<()> {
    let any: IpAddr = match to {
        SocketAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    for _ in 0..count {
        // What the kernel refuses to send is part of what is tested.
        socket.send_to(b"0123456789", to).ok();
    }
    Ok(())
}
