//! A client, a server and one who has nothing to do with either, under a running exporter.

use std::fs;

use anyhow::{Context, Result, ensure};

use crate::lab::command::output;
use crate::lab::exporter::Exporter;
use crate::lab::histogram::Histogram;
use crate::lab::metrics::Metrics;
use crate::lab::netns::Netns;
use crate::lab::path::Path;
use crate::lab::proc::ProcNet;
use crate::lab::process::Guard;
use crate::lab::veth::Pair;

/// The three, of which client and server are joined by `pair`, the client at its end `a`.
#[derive(Debug)]
pub struct Trio {
    /// The exporter.
    pub exporter: Exporter,
    /// Namespace of the client.
    pub client: Netns,
    /// Namespace of the server.
    pub server: Netns,
    /// Namespace of nobody.
    pub bystander: Netns,
    /// What joins client and server.
    pub pair: Pair,
    /// A process in each, if they are inhabited.
    pub inhabitants: Vec<Guard>,
}

impl Trio {
    /// With a process in each namespace, which the exporter must then see by `path`.
    pub fn inhabited(path: Path, exporter: Exporter) -> Result<Self> {
        let mut trio = Self::uninhabited(exporter)?;
        trio.inhabitants = trio
            .namespaces()
            .map(Netns::spawn_sleeper)
            .into_iter()
            .collect::<Result<_>>()?;
        for netns in trio.namespaces() {
            let entity = trio.exporter.entity(netns.inode()?)?;
            let is_by_pass = entity["cookie"].is_u64();
            ensure!(
                is_by_pass == (path == Path::Pass),
                "{} is not read by {path:?}: {entity}",
                netns.name()
            );
        }
        Ok(trio)
    }

    /// With namespaces that only a mount keeps, which no pass sees.
    pub fn uninhabited(exporter: Exporter) -> Result<Self> {
        let [client, server, bystander] = ["client", "server", "bystander"].map(Netns::new);
        let (client, server, bystander) = (client?, server?, bystander?);
        let pair = Netns::connect(&client, &server).context("joining client and server")?;
        Ok(Self {
            exporter,
            client,
            server,
            bystander,
            pair,
            inhabitants: Vec::new(),
        })
    }

    /// With a process in each namespace and an exporter whose scrapes all collect; each of the probes
    /// must work.
    pub fn watched(probes: &str) -> Result<Self> {
        let config = format!("interval: 0\ndebugMode: true\nmetrics: {{probes: {probes}}}\n");
        let exporter = Exporter::builder().config(&config).start()?;
        exporter.wait_for_probes()?;
        let trio = Self::inhabited(Path::Pass, exporter)?;
        let status = trio.exporter.status()?;
        for probe in status["probes"].as_array().context("a list of probes")? {
            ensure!(probe["state"] == "up", "{probe}");
        }
        Ok(trio)
    }

    /// Has the pair carry nothing but IPv4 that a test sends: neither side looks for the address of the
    /// other, nor announces itself over IPv6.
    pub fn silence(&self) -> Result<()> {
        let Pair { a, b } = &self.pair;
        for (netns, end, other, its_end) in [
            (&self.client, a, &self.server, b),
            (&self.server, b, &self.client, a),
        ] {
            let file = format!("/sys/class/net/{}/address", its_end.device);
            let address = output(other.command("cat").arg(file))?;
            netns.ip([
                "neigh",
                "replace",
                &its_end.v4.to_string(),
                "lladdr",
                address.trim(),
                "nud",
                "permanent",
                "dev",
                &end.device,
            ])?;
            let switch = format!("/proc/sys/net/ipv6/conf/{}/disable_ipv6", end.device);
            netns.run(|| fs::write(&switch, "1").context(switch))?;
        }
        Ok(())
    }

    /// One number of each, among `labels` of its own.
    pub fn numbers(&self, metrics: &Metrics, name: &str, labels: &[(&str, &str)]) -> Result<[u64; 3]> {
        self.of_each(|netns| metrics.number(name, &[labels, &[("netns", netns)]].concat()))
    }

    /// One histogram of each.
    pub fn histograms(&self, metrics: &Metrics, name: &str) -> Result<[Histogram; 3]> {
        self.of_each(|netns| Histogram::read(metrics, name, &[("netns", netns)]))
    }

    /// One counter of each as the kernel shows it in `snmp` or `netstat`.
    pub fn counters(&self, group: &str, name: &str) -> Result<[u64; 3]> {
        let read = |netns: &Netns| {
            let net = ProcNet::of(netns);
            let counters = if group.ends_with("Ext") {
                net.netstat()?
            } else {
                net.snmp()?
            };
            counters.get(group, name)
        };
        let [client, server, bystander] = self.namespaces().map(read);
        Ok([client?, server?, bystander?])
    }

    fn of_each<T>(&self, read: impl Fn(&str) -> Result<T>) -> Result<[T; 3]> {
        let [client, server, bystander] = self.namespaces().map(|netns| read(netns.name()));
        Ok([client?, server?, bystander?])
    }

    /// Client, server and bystander.
    pub fn namespaces(&self) -> [&Netns; 3] {
        [&self.client, &self.server, &self.bystander]
    }
}
