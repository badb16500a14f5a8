//! A client, a server and one who has nothing to do with either, under a running exporter.

use anyhow::{Context, Result, ensure};

use crate::lab::exporter::Exporter;
use crate::lab::netns::Netns;
use crate::lab::path::Path;
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

    /// Client, server and bystander.
    pub fn namespaces(&self) -> [&Netns; 3] {
        [&self.client, &self.server, &self.bystander]
    }
}
