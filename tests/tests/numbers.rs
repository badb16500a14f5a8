//! The numbers are true: what a test does in a namespace is what the exporter says of it, and of
//! no other.

use std::net::SocketAddr;
use std::ops::Deref;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use kubeskoop_exporter_tests::lab::command::{output, output_with_input};
use kubeskoop_exporter_tests::lab::exporter::{self, Exporter};
use kubeskoop_exporter_tests::lab::metrics::Metrics;
use kubeskoop_exporter_tests::lab::netns::Netns;
use kubeskoop_exporter_tests::lab::path::Path;
use kubeskoop_exporter_tests::lab::proc::ProcNet;
use kubeskoop_exporter_tests::lab::traffic;
use kubeskoop_exporter_tests::lab::trio::Trio;
use kubeskoop_exporter_tests::on_both_paths;
use rustix::net::sockopt;

const EVERY_SCRAPE_COLLECTS: &str = "interval: 0\ndebugMode: true\n\
    metrics: {probes: [tcp, udp, ip, tcpext, netdev, conntrack, sock, softnet]}\n";
/// The kernel repeats an unanswered SYN after a second.
const SYN_REPEAT: Duration = Duration::from_millis(900);

/// Client, server and bystander under an exporter of these probes.
struct Lab(Trio);

impl Deref for Lab {
    type Target = Trio;

    fn deref(&self) -> &Trio {
        &self.0
    }
}

impl Lab {
    fn new(path: Path) -> Result<Self> {
        Trio::inhabited(path, path.exporter(EVERY_SCRAPE_COLLECTS)?).map(Self)
    }

    /// How much each of `metrics` grows in (client, server, bystander) while `act` runs.
    fn growth<const N: usize>(
        &self,
        metrics: [&str; N],
        act: impl FnOnce() -> Result<()>,
    ) -> Result<[[i64; 3]; N]> {
        let before = self.values(metrics)?;
        act()?;
        let after = self.values(metrics)?;
        Ok(std::array::from_fn(|metric| {
            std::array::from_fn(|at| after[metric][at] - before[metric][at])
        }))
    }

    fn values<const N: usize>(&self, metrics: [&str; N]) -> Result<[[i64; 3]; N]> {
        let scrape = self.exporter.scrape()?;
        let mut values = [[0; 3]; N];
        for (metric, values) in metrics.iter().zip(&mut values) {
            for (value, netns) in values.iter_mut().zip(self.namespaces()) {
                *value = number(&scrape, metric, netns)?;
            }
        }
        Ok(values)
    }
}

/// The only sample of `metric` in `netns`.
fn number(metrics: &Metrics, metric: &str, netns: &Netns) -> Result<i64> {
    let samples = metrics.matching(metric, &[("netns", netns.name())]);
    ensure!(
        samples.len() == 1,
        "{} samples of {metric} in {}",
        samples.len(),
        netns.name()
    );
    samples[0]
        .raw
        .parse()
        .with_context(|| format!("{metric} is {}", samples[0].raw))
}

fn fifty_datagrams_to_a_closed_port_are_fifty_noports_there_and_none_elsewhere(path: Path) -> Result<()> {
    fifty_noports(&Lab::new(path)?)
}

#[test]
fn fifty_datagrams_in_namespaces_without_a_process_are_fifty_noports_too() -> Result<()> {
    for path in [Path::Pass, Path::Files] {
        let exporter = path.exporter(EVERY_SCRAPE_COLLECTS)?;
        fifty_noports(&Lab(Trio::uninhabited(exporter)?))?;
    }
    Ok(())
}

fn fifty_noports(lab: &Lab) -> Result<()> {
    for server in lab.pair.b.addresses() {
        let growth = lab.growth(["kubeskoop_udp_noports"], || {
            lab.client
                .run(|| traffic::udp_to_closed_port(SocketAddr::new(server, 9), 50))
        })?;
        assert_eq!(growth, [[0, 50, 0]], "{server}");
    }
    Ok(())
}

fn thirty_connects_to_a_closed_port_are_thirty_attemptfails_here_and_outrsts_there(path: Path) -> Result<()> {
    let lab = Lab::new(path)?;
    for server in lab.pair.b.addresses() {
        let growth = lab.growth(["kubeskoop_tcp_attemptfails", "kubeskoop_tcp_outrsts"], || {
            lab.client
                .run(|| traffic::connect_to_closed_port(SocketAddr::new(server, 9), 30))
        })?;
        assert_eq!(growth, [[30, 0, 0], [0, 30, 0]], "{server}");
    }
    Ok(())
}

fn connects_beyond_the_backlog_are_listenoverflows_and_listendrops(path: Path) -> Result<()> {
    const BACKLOG: u16 = 4;
    const CONNECTS: usize = 12;
    // A backlog of n holds n + 1 connections (sk_acceptq_is_full).
    const REFUSED: i64 = 7;
    assert_eq!(usize::try_from(REFUSED)?, CONNECTS - usize::from(BACKLOG) - 1);
    for _ in 0..5 {
        let lab = Lab::new(path)?;
        let address = SocketAddr::new(lab.pair.b.v4.into(), 0);
        let listener = lab
            .server
            .run(|| traffic::ListenerWithBacklog::new(address, BACKLOG))?;
        let began = Instant::now();
        let clients = lab
            .client
            .run(|| traffic::connect_nonblocking(listener.address(), CONNECTS))?;
        let overflows = || {
            ProcNet::of(&lab.server)
                .netstat()?
                .get("TcpExt", "ListenOverflows")
        };
        // A busy machine hands the segments over a little later.
        while overflows()? < u64::try_from(REFUSED)? && began.elapsed() < SYN_REPEAT {
            std::thread::sleep(Duration::from_millis(5));
        }
        // Where the queue was full only for the last ACK, a FIN would overflow it once more.
        for client in &clients {
            sockopt::set_socket_linger(client, Some(Duration::ZERO))?;
        }
        drop(clients);
        // One that was sent again has overflowed the queue again.
        let of_client = ProcNet::of(&lab.client).netstat()?;
        if of_client.get("TcpExt", "TCPSynRetrans")? > 0 {
            continue;
        }
        let scrape = lab.exporter.scrape()?;
        let of_kernel = ProcNet::of(&lab.server).netstat()?;
        for (metric, column) in [
            ("kubeskoop_tcpext_listenoverflows", "ListenOverflows"),
            ("kubeskoop_tcpext_listendrops", "ListenDrops"),
        ] {
            assert_eq!(number(&scrape, metric, &lab.server)?, REFUSED, "{metric}");
            assert_eq!(
                of_kernel.get("TcpExt", column)?,
                u64::try_from(REFUSED)?,
                "{column}"
            );
            assert_eq!(number(&scrape, metric, &lab.client)?, 0, "{metric}");
        }
        return Ok(());
    }
    bail!("in five tries a SYN was always repeated before the others had gone out")
}

fn a_mebibyte_over_veth_is_what_the_kernel_counts_for_the_devices(path: Path) -> Result<()> {
    const MEBIBYTE: usize = 1 << 20;
    let lab = Lab::new(path)?;
    let address = SocketAddr::new(lab.pair.b.v4.into(), 0);
    let [growth] = lab.growth(["kubeskoop_netdev_rxbytes"], || {
        traffic::tcp_transfer(&lab.server, &lab.client, address, MEBIBYTE)
    })?;
    assert!(growth[1] >= i64::try_from(MEBIBYTE)?, "{growth:?} bytes received");
    assert_eq!(growth[2], 0);
    for (netns, device) in [
        (&lab.client, &lab.pair.a.device),
        (&lab.server, &lab.pair.b.device),
    ] {
        matches_the_device(&lab.exporter, netns, device)?;
    }
    Ok(())
}

/// Compares every counter of netdev with `ip -s link`. Neighbour discovery may send a packet at
/// any moment, so the comparison counts when the kernel's numbers were the same before and after.
fn matches_the_device(exporter: &Exporter, netns: &Netns, device: &str) -> Result<()> {
    for _ in 0..20 {
        let before = device_counters(netns, device)?;
        let scrape = exporter.scrape()?;
        if before != device_counters(netns, device)? {
            continue;
        }
        for (metric, expected) in before {
            assert_eq!(
                number(&scrape, &format!("kubeskoop_netdev_{metric}"), netns)?,
                expected,
                "{metric}"
            );
        }
        return Ok(());
    }
    bail!("{device} was never quiet")
}

fn device_counters(netns: &Netns, device: &str) -> Result<Vec<(String, i64)>> {
    let text = netns.ip(["-s", "-j", "link", "show", "dev", device])?;
    let links: serde_json::Value = serde_json::from_str(&text)?;
    let mut counters = Vec::new();
    for direction in ["rx", "tx"] {
        for counter in ["bytes", "packets", "errors", "dropped"] {
            let value = &links[0]["stats64"][direction][counter];
            let value = value
                .as_i64()
                .with_context(|| format!("{direction} {counter} of {device}"))?;
            counters.push((format!("{direction}{counter}"), value));
        }
    }
    Ok(counters)
}

fn a_conntrack_entry_is_counted_in_its_namespace_only(path: Path) -> Result<()> {
    let lab = Lab::new(path)?;
    // Connection tracking begins in a namespace with the first rule that asks for its state.
    let rules = "add table inet lab\n\
                 add chain inet lab arrivals { type filter hook input priority 0; }\n\
                 add rule inet lab arrivals ct state new counter\n";
    output_with_input(lab.server.command("nft").args(["-f", "-"]), rules)?;
    let server = SocketAddr::new(lab.pair.b.v4.into(), 9);
    let growth = lab.growth(["kubeskoop_conntrack_entries"], || {
        lab.client.run(|| traffic::udp_to_closed_port(server, 1))
    })?;
    assert_eq!(growth, [[0, 1, 0]]);
    assert_eq!(
        ProcNet::of(&lab.server)
            .conntrack()?
            .get("nf_conntrack", "entries")?,
        1
    );
    Ok(())
}

fn the_conntrack_limit_of_the_node_is_that_of_the_kernel(path: Path) -> Result<()> {
    let lab = Lab::new(path)?;
    let limit = std::fs::read_to_string("/proc/sys/net/netfilter/nf_conntrack_max")?;
    let exported = lab
        .exporter
        .scrape()?
        .value("kubeskoop_conntrack_maxentries", &[("k8s_pod", "")]);
    assert_eq!(exported, Some(limit.trim().parse()?));
    Ok(())
}

fn sockets_in_use_are_counted_for_both_families(path: Path) -> Result<()> {
    let lab = Lab::new(path)?;
    let [v4, v6] = lab.pair.b.addresses();
    let mut listeners = Vec::new();
    let growth = lab.growth(["kubeskoop_sock_inuse"], || {
        for address in [v4, v6, v6] {
            let address = SocketAddr::new(address, 0);
            listeners.push(lab.server.run(|| traffic::ListenerWithBacklog::new(address, 1))?);
        }
        Ok(())
    })?;
    assert_eq!(growth, [[0, 3, 0]]);
    Ok(())
}

/// Every counter of tcp, udp, ip and tcpext is what the kernel's own files say, read before and
/// after: the exporter's number lies between.
fn every_counter_lies_between_two_reads_of_the_file_it_comes_from(path: Path) -> Result<()> {
    let lab = Lab::new(path)?;
    let listed = listed_metrics()?;
    let address = SocketAddr::new(lab.pair.b.v4.into(), 0);
    traffic::tcp_transfer(&lab.server, &lab.client, address, 1 << 16)?;
    for server in lab.pair.b.addresses() {
        lab.client
            .run(|| traffic::udp_to_closed_port(SocketAddr::new(server, 9), 7))?;
    }
    let mut compared = 0;
    for netns in [&lab.client, &lab.server, &lab.bystander] {
        let before = of_files(&listed, netns)?;
        let scrape = lab.exporter.scrape()?;
        let after = of_files(&listed, netns)?;
        for ((metric, low), (_, high)) in before.iter().zip(&after) {
            let value = u64::try_from(number(&scrape, metric, netns)?)?;
            ensure!(
                (*low..=*high).contains(&value),
                "{metric} of {}: {value} is not from {low} to {high}",
                netns.name()
            );
            compared += 1;
        }
    }
    assert!(compared > 150, "only {compared} numbers compared");
    Ok(())
}

/// The counters of the four probes by an own reading of the source that `list metrics` names, such
/// as `/proc/<pid>/net/snmp Udp: NoPorts + /proc/<pid>/net/snmp6 Udp6NoPorts`.
fn of_files(listed: &serde_json::Value, netns: &Netns) -> Result<Vec<(String, u64)>> {
    let proc = ProcNet::of(netns);
    let (snmp, snmp6, netstat) = (proc.snmp()?, proc.snmp6()?, proc.netstat()?);
    let mut numbers = Vec::new();
    for metric in listed.as_array().context("a list")? {
        let text = |key: &str| metric[key].as_str().with_context(|| format!("{key} of {metric}"));
        let is_compared =
            ["tcp", "udp", "ip", "tcpext"].contains(&text("probe")?) && text("type")? == "counter";
        if !is_compared {
            continue;
        }
        let words: Vec<&str> = text("source")?.split(' ').collect();
        let (section, column) = (words[1].trim_end_matches(':'), words[2]);
        let file = if section == "TcpExt" { &netstat } else { &snmp };
        let mut number = file.get(section, column)?;
        if let Some(twin) = words.get(5) {
            let (group, name) = twin.split_at(section.len() + 1);
            number += snmp6.get(group, name)?;
        }
        numbers.push((text("name")?.to_owned(), number));
    }
    Ok(numbers)
}

fn listed_metrics() -> Result<serde_json::Value> {
    let text = output(Command::new(exporter::binary()?).args(["list", "metrics", "--output", "json"]))?;
    Ok(serde_json::from_str(&text)?)
}

on_both_paths! {
    fifty_datagrams_to_a_closed_port_are_fifty_noports_there_and_none_elsewhere,
    thirty_connects_to_a_closed_port_are_thirty_attemptfails_here_and_outrsts_there,
    connects_beyond_the_backlog_are_listenoverflows_and_listendrops,
    a_mebibyte_over_veth_is_what_the_kernel_counts_for_the_devices,
    a_conntrack_entry_is_counted_in_its_namespace_only,
    the_conntrack_limit_of_the_node_is_that_of_the_kernel,
    sockets_in_use_are_counted_for_both_families,
    every_counter_lies_between_two_reads_of_the_file_it_comes_from,
}
