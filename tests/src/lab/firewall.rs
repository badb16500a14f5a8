//! Rules of nftables that meet what arrives in a namespace.

use std::fmt::Write as _;
use std::io::Write as _;

use anyhow::Result;

use crate::lab::command::output;
use crate::lab::netns::Netns;

/// Rules that are removed when this is dropped.
#[derive(Debug)]
pub struct Firewall<'a> {
    netns: &'a Netns,
}

impl<'a> Firewall<'a> {
    /// Drops what a rule matches, such as `tcp dport 7`.
    pub fn dropping(netns: &'a Netns, matches: &str) -> Result<Self> {
        Self::new(netns, &format!("{matches} drop\n"))
    }

    /// Has every packet meet so many rules, none of which matches a port below 10 000.
    pub fn slow(netns: &'a Netns, rules: u16) -> Result<Self> {
        let mut text = String::new();
        for rule in 0..rules {
            writeln!(text, "udp sport {} drop", u16::MAX - rule)?;
        }
        Self::new(netns, &text)
    }

    fn new(netns: &'a Netns, rules: &str) -> Result<Self> {
        let mut file = tempfile::NamedTempFile::new()?;
        write!(
            file,
            "table inet firewall {{\nchain arrivals {{\ntype filter hook input priority 0\n{rules}}}\n}}\n"
        )?;
        output(netns.command("nft").arg("-f").arg(file.path()))?;
        Ok(Self { netns })
    }
}

impl Drop for Firewall<'_> {
    fn drop(&mut self) {
        let words = ["delete", "table", "inet", "firewall"];
        if let Err(error) = output(self.netns.command("nft").args(words)) {
            eprintln!("{error:#}");
        }
    }
}
