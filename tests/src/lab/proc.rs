//! What the kernel says in `/proc/net`, read the plain way: the reference that tests compare the
//! exporter with. It shares no code with the exporter.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, ensure};

use crate::lab::netns::Netns;

/// Numbers by group and name, such as `("Udp", "NoPorts")`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters(BTreeMap<(String, String), u64>);

impl Counters {
    /// One number; one that is missing is an error.
    pub fn get(&self, group: &str, name: &str) -> Result<u64> {
        self.0
            .get(&(group.to_owned(), name.to_owned()))
            .copied()
            .with_context(|| format!("the kernel shows no {group} {name}"))
    }

    /// All numbers in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, u64)> {
        self.0
            .iter()
            .map(|((group, name), value)| (group.as_str(), name.as_str(), *value))
    }

    fn add(&mut self, group: &str, name: &str, value: u64) {
        *self.0.entry((group.to_owned(), name.to_owned())).or_default() += value;
    }
}

/// The `/proc/net` of one network namespace; every call reads anew.
#[derive(Clone, Copy, Debug)]
pub struct ProcNet<'a> {
    place: Place<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Place<'a> {
    Netns(&'a Netns),
    Pid(u32),
}

impl<'a> ProcNet<'a> {
    /// Of a namespace made by the test.
    pub fn of(netns: &'a Netns) -> Self {
        Self {
            place: Place::Netns(netns),
        }
    }

    /// Of the namespace that the process `pid` is in; 1 is the machine's own.
    pub fn of_pid(pid: u32) -> Self {
        Self {
            place: Place::Pid(pid),
        }
    }

    /// `snmp`: `("Tcp", "RetransSegs")`, `("Udp", "NoPorts")`. What is negative (`Tcp MaxConn`)
    /// is left out.
    pub fn snmp(&self) -> Result<Counters> {
        parse_headed(&self.read("snmp")?).context("snmp")
    }

    /// `netstat`: `("TcpExt", "ListenDrops")`, `("IpExt", "InOctets")`.
    pub fn netstat(&self) -> Result<Counters> {
        parse_headed(&self.read("netstat")?).context("netstat")
    }

    /// `snmp6`: `("Udp6", "NoPorts")`, `("Ip6", "InReceives")`.
    pub fn snmp6(&self) -> Result<Counters> {
        parse_snmp6(&self.read("snmp6")?).context("snmp6")
    }

    /// `dev`: `("lo", "rx_bytes")`, `("eth0", "tx_drop")`.
    pub fn dev(&self) -> Result<Counters> {
        parse_dev(&self.read("dev")?).context("dev")
    }

    /// `sockstat`: `("TCP", "inuse")`, `("TCP", "tw")`, `("sockets", "used")`.
    pub fn sockstat(&self) -> Result<Counters> {
        parse_sockstat(&self.read("sockstat")?).context("sockstat")
    }

    /// `sockstat6`: `("TCP6", "inuse")`.
    pub fn sockstat6(&self) -> Result<Counters> {
        parse_sockstat(&self.read("sockstat6")?).context("sockstat6")
    }

    /// `stat/nf_conntrack`: `("nf_conntrack", "entries")`, which every row repeats, and the others
    /// added up over all CPUs. An error on kernels without connection tracking.
    pub fn conntrack(&self) -> Result<Counters> {
        parse_conntrack(&self.read("stat/nf_conntrack")?).context("nf_conntrack")
    }

    /// The text of a file below `/proc/net`.
    pub fn read(&self, file: &str) -> Result<String> {
        let read = |process: &str| {
            let path = format!("/proc/{process}/net/{file}");
            fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))
        };
        match self.place {
            Place::Netns(netns) => netns.run(|| read("thread-self")),
            Place::Pid(pid) => read(&pid.to_string()),
        }
    }
}

/// Pairs of lines: `Udp: InDatagrams NoPorts` and `Udp: 7 50`.
fn parse_headed(text: &str) -> Result<Counters> {
    let mut counters = Counters::default();
    let lines: Vec<&str> = text.lines().collect();
    for pair in lines.chunks(2) {
        let [names, values] = pair else {
            anyhow::bail!("an odd number of lines");
        };
        let (group, names) = names.split_once(':').context("a line without a colon")?;
        let (same, values) = values.split_once(':').context("a line without a colon")?;
        ensure!(group == same, "{group} is followed by {same}");
        ensure!(
            names.split_whitespace().count() == values.split_whitespace().count(),
            "{group} has not as many values as names"
        );
        for (name, value) in names.split_whitespace().zip(values.split_whitespace()) {
            if !value.starts_with('-') {
                counters.add(group, name, number(value)?);
            }
        }
    }
    Ok(counters)
}

/// Lines such as `Ip6InReceives   12`.
fn parse_snmp6(text: &str) -> Result<Counters> {
    let mut counters = Counters::default();
    for line in text.lines() {
        let (name, value) = line
            .split_once(char::is_whitespace)
            .context("a line without a value")?;
        let group_end = name.find('6').context("a name without a 6")? + 1;
        counters.add(&name[..group_end], &name[group_end..], number(value.trim())?);
    }
    Ok(counters)
}

/// A line for each device, under a header of two lines.
fn parse_dev(text: &str) -> Result<Counters> {
    const COLUMNS: [&str; 16] = [
        "rx_bytes",
        "rx_packets",
        "rx_errs",
        "rx_drop",
        "rx_fifo",
        "rx_frame",
        "rx_compressed",
        "rx_multicast",
        "tx_bytes",
        "tx_packets",
        "tx_errs",
        "tx_drop",
        "tx_fifo",
        "tx_colls",
        "tx_carrier",
        "tx_compressed",
    ];
    let mut counters = Counters::default();
    for line in text.lines().skip(2) {
        let (device, values) = line.split_once(':').context("a line without a colon")?;
        let values: Vec<&str> = values.split_whitespace().collect();
        ensure!(
            values.len() == COLUMNS.len(),
            "{} columns instead of 16",
            values.len()
        );
        for (column, value) in COLUMNS.iter().zip(values) {
            counters.add(device.trim(), column, number(value)?);
        }
    }
    Ok(counters)
}

/// Lines such as `TCP: inuse 3 orphan 0`.
fn parse_sockstat(text: &str) -> Result<Counters> {
    let mut counters = Counters::default();
    for line in text.lines() {
        let (group, pairs) = line.split_once(':').context("a line without a colon")?;
        let words: Vec<&str> = pairs.split_whitespace().collect();
        for pair in words.chunks(2) {
            let [name, value] = pair else {
                anyhow::bail!("{group} has a name without a value");
            };
            counters.add(group, name, number(value)?);
        }
    }
    Ok(counters)
}

/// A header, then a line of hexadecimal numbers for each CPU.
fn parse_conntrack(text: &str) -> Result<Counters> {
    const GROUP: &str = "nf_conntrack";
    let mut counters = Counters::default();
    let mut lines = text.lines();
    let names: Vec<&str> = lines
        .next()
        .context("an empty file")?
        .split_whitespace()
        .collect();
    for (row, line) in lines.enumerate() {
        for (name, value) in names.iter().zip(line.split_whitespace()) {
            if row == 0 || *name != "entries" {
                let value = u64::from_str_radix(value, 16);
                counters.add(
                    GROUP,
                    name,
                    value.with_context(|| format!("{name} is no number"))?,
                );
            }
        }
    }
    Ok(counters)
}

fn number(text: &str) -> Result<u64> {
    text.parse().with_context(|| format!("{text:?} is no number"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::net::TcpListener;

    use super::*;

    #[test]
    fn headed_lines_pair_up() {
        let text = "Tcp: MaxConn RetransSegs\nTcp: -1 4\nUdp: InDatagrams NoPorts\nUdp: 7 50\n";
        let counters = parse_headed(text).unwrap();
        assert_eq!(counters.get("Udp", "NoPorts").unwrap(), 50);
        assert_eq!(counters.get("Tcp", "RetransSegs").unwrap(), 4);
        assert!(counters.get("Tcp", "MaxConn").is_err());
        assert_eq!(counters.iter().count(), 3);
        assert!(parse_headed("Tcp: A\nUdp: 1\n").is_err());
        assert!(parse_headed("Tcp: A B\nTcp: 1\n").is_err());
        assert!(parse_headed("Tcp: A\n").is_err());
    }

    #[test]
    fn conntrack_rows_add_up_except_entries() {
        let text = "entries  clashres found\n00000010  00000001 0000000a\n00000010  00000002 00000001\n";
        let counters = parse_conntrack(text).unwrap();
        assert_eq!(counters.get("nf_conntrack", "entries").unwrap(), 16);
        assert_eq!(counters.get("nf_conntrack", "found").unwrap(), 11);
    }

    #[test]
    fn a_namespace_begins_at_nothing() {
        let netns = Netns::new("proc").unwrap();
        let net = ProcNet::of(&netns);
        assert_eq!(net.snmp().unwrap().get("Udp", "NoPorts").unwrap(), 0);
        assert_eq!(net.netstat().unwrap().get("TcpExt", "ListenDrops").unwrap(), 0);
        assert_eq!(net.snmp6().unwrap().get("Udp6", "NoPorts").unwrap(), 0);
        assert_eq!(net.dev().unwrap().get("lo", "tx_drop").unwrap(), 0);
        assert_eq!(net.sockstat().unwrap().get("TCP", "inuse").unwrap(), 0);
    }

    #[test]
    fn sees_sockets_of_the_namespace() {
        let netns = Netns::new("proc-sock").unwrap();
        let sleeper = netns.spawn_sleeper().unwrap();
        let _v4 = netns.run(|| Ok(TcpListener::bind("127.0.0.1:0")?)).unwrap();
        let _v6 = netns.run(|| Ok(TcpListener::bind("[::1]:0")?)).unwrap();
        for net in [ProcNet::of(&netns), ProcNet::of_pid(sleeper.pid())] {
            assert_eq!(net.sockstat().unwrap().get("TCP", "inuse").unwrap(), 1);
            assert_eq!(net.sockstat6().unwrap().get("TCP6", "inuse").unwrap(), 1);
        }
    }

    #[test]
    fn reads_conntrack_where_the_kernel_has_it() {
        let netns = Netns::new("proc-ct").unwrap();
        let net = ProcNet::of(&netns);
        if net.read("stat/nf_conntrack").is_err() {
            eprintln!("skipped: no connection tracking on this machine");
            return;
        }
        assert_eq!(
            net.conntrack().unwrap().get("nf_conntrack", "entries").unwrap(),
            0
        );
    }
}
