//! What qdiscs do in a namespace is what the exporter says of it, as `tc` shows it.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use kubeskoop_exporter_tests::lab::command::output;
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::metrics::Metrics;
use kubeskoop_exporter_tests::lab::netns::Netns;
use kubeskoop_exporter_tests::lab::tools::workspace_root;
use kubeskoop_exporter_tests::lab::traffic;
use kubeskoop_exporter_tests::lab::wait::eventually;
use serde_json::Value;

const CONFIG: &str = "interval: 0\nkubernetes: {enabled: false}\nmetrics: {probes: [qdisc]}\n";

/// How long the kernel may take to bring a device up.
const SOON: Duration = Duration::from_secs(5);

/// The metrics of the probe, by the names that `tc -s -j qdisc show` has for the same.
const NUMBERS: [&str; 6] = ["bytes", "packets", "drops", "qlen", "backlog", "overlimits"];

/// Lets some packets pass, holds some back for minutes and drops the others.
const FULL_SOON: [&str; 7] = ["tbf", "rate", "8bit", "burst", "1600", "limit", "2000"];

/// The words that run a command as root without the capability to enter a namespace.
const WITHOUT_SYS_ADMIN: [&str; 3] = ["setpriv", "--inh-caps=-sys_admin", "--bounding-set=-sys_admin"];

fn exporter() -> Result<Exporter> {
    Exporter::builder().config(CONFIG).start()
}

/// A qdisc as `tc` shows it.
#[derive(Debug, Clone, PartialEq)]
struct Shown {
    device: String,
    kind: String,
    is_root: bool,
    numbers: [u64; NUMBERS.len()],
}

/// The qdiscs in the output of `tc -s -j qdisc show`.
fn shown(json: &str) -> Result<Vec<Shown>> {
    let qdiscs: Vec<Value> = serde_json::from_str(json)?;
    qdiscs
        .iter()
        .map(|qdisc| {
            let text = |key: &str| qdisc[key].as_str().with_context(|| format!("no {key}: {qdisc}"));
            let mut numbers = [0; NUMBERS.len()];
            for (number, key) in numbers.iter_mut().zip(NUMBERS) {
                *number = qdisc[key]
                    .as_u64()
                    .with_context(|| format!("no {key}: {qdisc}"))?;
            }
            Ok(Shown {
                device: text("dev")?.to_owned(),
                kind: text("kind")?.to_owned(),
                is_root: qdisc["root"] == true,
                numbers,
            })
        })
        .collect()
}

fn qdiscs_of(netns: &Netns) -> Result<Vec<Shown>> {
    shown(&netns.tc(["-s", "-j", "qdisc", "show"])?)
}

fn sum<'a>(qdiscs: impl Iterator<Item = &'a Shown>) -> [u64; NUMBERS.len()] {
    qdiscs.fold([0; NUMBERS.len()], |sum, qdisc| {
        std::array::from_fn(|at| sum[at] + qdisc.numbers[at])
    })
}

fn sum_of_roots(qdiscs: &[Shown]) -> [u64; NUMBERS.len()] {
    sum(qdiscs
        .iter()
        .filter(|qdisc| qdisc.is_root && qdisc.device != "lo"))
}

/// What the exporter says of a namespace; none if it says nothing of it.
fn exported(metrics: &Metrics, netns: &str) -> Result<Option<[u64; NUMBERS.len()]>> {
    let mut numbers = [0; NUMBERS.len()];
    let mut found = 0;
    for (number, name) in numbers.iter_mut().zip(NUMBERS) {
        for sample in metrics.matching(&format!("kubeskoop_qdisc_{name}"), &[("netns", netns)]) {
            *number = sample.raw.parse()?;
            found += 1;
        }
    }
    ensure!(
        [0, NUMBERS.len()].contains(&found),
        "{found} of the numbers of {netns:?}"
    );
    Ok((found > 0).then_some(numbers))
}

/// Compares a namespace with what `tc` shows before and after a scrape; returns what it showed. The
/// kernel may send a packet of its own at any moment, so it counts when both are the same.
fn matches(exporter: &Exporter, netns: &Netns) -> Result<Vec<Shown>> {
    for _ in 0..20 {
        let before = qdiscs_of(netns)?;
        let metrics = exporter.scrape()?;
        if qdiscs_of(netns)? != before {
            continue;
        }
        let seen = exported(&metrics, netns.name())?;
        assert_eq!(seen, Some(sum_of_roots(&before)), "{NUMBERS:?} of {before:#?}");
        return Ok(before);
    }
    bail!("{} was never quiet", netns.name())
}

/// Gives a device a root qdisc.
fn set_root(netns: &Netns, device: &str, qdisc: &[&str]) -> Result<()> {
    let place = ["qdisc", "replace", "dev", device, "root", "handle", "1:"];
    netns.tc(place.iter().chain(qdisc).copied())?;
    Ok(())
}

#[test]
fn a_token_bucket_that_overflows_is_exported_as_tc_shows_it_and_nowhere_else() -> Result<()> {
    let (empty, inhabited, server) = (Netns::new("empty")?, Netns::new("full")?, Netns::new("server")?);
    let _resident = inhabited.spawn_sleeper()?;
    let exporter = exporter()?;
    for client in [&empty, &inhabited] {
        let pair = Netns::connect(client, &server)?;
        set_root(client, &pair.a.device, &FULL_SOON)?;
        let closed = SocketAddr::new(pair.b.v4.into(), 9);
        client.run(|| traffic::udp_to_closed_port(closed, 500))?;
        let qdiscs = matches(&exporter, client)?;
        let all_counted = sum_of_roots(&qdiscs).iter().all(|number| *number > 0);
        ensure!(all_counted, "{NUMBERS:?} of {qdiscs:?}");
        ensure!(sum_of_roots(&qdiscs)[2] > 400, "hardly any drops: {qdiscs:?}");
    }
    // The other ends have noqueue, which counts nothing.
    let metrics = exporter.scrape()?;
    assert_eq!(exported(&metrics, server.name())?, Some([0; NUMBERS.len()]));
    Ok(())
}

#[test]
fn a_namespace_with_nothing_but_loopback_has_zeros() -> Result<()> {
    let netns = Netns::new("bare")?;
    let metrics = exporter()?.scrape()?;
    assert_eq!(exported(&metrics, netns.name())?, Some([0; NUMBERS.len()]));
    Ok(())
}

#[test]
fn devices_are_summed_without_loopback_classes_and_what_hangs_at_the_ingress() -> Result<()> {
    let (client, server) = (Netns::new("classes")?, Netns::new("server")?);
    let bucket = Netns::connect(&client, &server)?;
    let classful = Netns::connect(&client, &server)?;
    set_root(&client, "lo", &FULL_SOON)?;
    set_root(&client, &bucket.a.device, &FULL_SOON)?;
    add_classes(&client, &classful.a.device)?;
    for destination in [bucket.b.v4, classful.b.v4, Ipv4Addr::LOCALHOST] {
        client.run(|| traffic::udp_to_closed_port(SocketAddr::new(destination.into(), 9), 200))?;
    }
    server.run(|| traffic::udp_to_closed_port(SocketAddr::new(classful.a.v4.into(), 9), 200))?;

    let qdiscs = matches(&exporter()?, &client)?;
    let count = |is_it: &dyn Fn(&Shown) -> bool| {
        let counting = qdiscs.iter().filter(|qdisc| qdisc.numbers[0] > 0);
        counting.filter(|qdisc| is_it(qdisc)).count()
    };
    let summed = count(&|it| it.is_root && it.device != "lo");
    let left_out = ["pfifo", "clsact"].map(|kind| count(&|it| it.kind == kind));
    let of_loopback = count(&|it| it.device == "lo");
    assert_eq!((summed, left_out, of_loopback), (2, [1, 1], 1), "{qdiscs:#?}");
    Ok(())
}

/// Gives a device a root with a class that has a qdisc, and one at the ingress. That one counts what
/// a filter sees.
fn add_classes(netns: &Netns, device: &str) -> Result<()> {
    set_root(netns, device, &["htb", "default", "10"])?;
    for words in [
        "class add dev DEVICE parent 1: classid 1:10 htb rate 1gbit",
        "qdisc add dev DEVICE parent 1:10 pfifo limit 100",
        "qdisc add dev DEVICE clsact",
        "filter add dev DEVICE ingress protocol all u32 match u32 0 0 classid 1:10",
    ] {
        netns.tc(words
            .split(' ')
            .map(|word| if word == "DEVICE" { device } else { word }))?;
    }
    Ok(())
}

#[test]
fn a_device_of_many_queues_counts_each_packet_once() -> Result<()> {
    let (client, server) = (Netns::new("queues")?, Netns::new("server")?);
    let (near, far) = ("multi0", "multi1");
    client.ip([
        "link",
        "add",
        near,
        "numtxqueues",
        "4",
        "type",
        "veth",
        "peer",
        far,
        "netns",
        server.name(),
    ])?;
    for (netns, device, address) in [(&client, near, "10.255.255.1"), (&server, far, "10.255.255.2")] {
        netns.ip_batch(&format!(
            "address add {address}/30 dev {device}\nlink set {device} up\n"
        ))?;
    }
    // Until the carrier has been noticed, what is sent is dropped without a word.
    eventually(SOON, || {
        Ok(client
            .ip(["-o", "link", "show", "dev", near])?
            .contains(" state UP "))
    })?;
    set_root(&client, near, &["mq"])?;
    client.run(|| traffic::udp_to_closed_port(SocketAddr::from(([10, 255, 255, 2], 9)), 200))?;
    let qdiscs = matches(&exporter()?, &client)?;
    let of_queues = qdiscs.iter().filter(|it| it.device == near && !it.is_root);
    ensure!(of_queues.clone().count() > 1, "{qdiscs:#?}");
    let of_queues = sum(of_queues);
    ensure!(of_queues[1] >= 200, "{qdiscs:#?}");
    assert_eq!(of_queues, sum_of_roots(&qdiscs), "mq sums up its queues");
    Ok(())
}

/// Every device of the host counts; its traffic goes on meanwhile.
#[test]
fn the_host_lies_between_two_looks_of_tc() -> Result<()> {
    let look = || -> Result<_> {
        let json = output(Command::new("tc").args(["-s", "-j", "qdisc", "show"]))?;
        Ok(sum_of_roots(&shown(&json)?))
    };
    let exporter = exporter()?;
    let before = look()?;
    let metrics = exporter.scrape()?;
    let after = look()?;
    let seen = exported(&metrics, "")?.context("nothing of the host")?;
    for ((name, seen), (low, high)) in NUMBERS.iter().zip(seen).zip(before.iter().zip(after)) {
        let is_gauge = ["qlen", "backlog"].contains(name);
        ensure!(
            is_gauge || (*low..=high).contains(&seen),
            "{name}: {seen} is not from {low} to {high}"
        );
    }
    Ok(())
}

fn check_that_it_names_the_capability(status: &Value) -> Result<()> {
    let reason = status["reason"].as_str().unwrap_or_default();
    ensure!(reason.contains("CAP_SYS_ADMIN is missing"), "{status}");
    ensure!(status["errors_total"].as_u64() > Some(0), "{status}");
    assert_eq!(
        (&status["state"], &status["source"]),
        (&"up".into(), &"netlink".into())
    );
    Ok(())
}

#[test]
fn without_the_capability_to_enter_the_own_namespace_is_served_and_the_capability_named() -> Result<()> {
    let (empty, inhabited) = (Netns::new("closed")?, Netns::new("shut")?);
    let _resident = inhabited.spawn_sleeper()?;
    let exporter = Exporter::builder()
        .config(CONFIG)
        .wrap(WITHOUT_SYS_ADMIN)
        .start()?;
    let metrics = exporter.scrape()?;
    ensure!(
        exported(&metrics, "")?.is_some(),
        "nothing of the namespace it is in"
    );
    for netns in [&empty, &inhabited] {
        assert_eq!(exported(&metrics, netns.name())?, None);
    }
    check_that_it_names_the_capability(&exporter.probe_status("qdisc")?)
}

#[test]
fn an_exporter_in_a_namespace_of_its_own_needs_no_capability_for_that_one() -> Result<()> {
    let (home, server) = (Netns::new("home")?, Netns::new("server")?);
    let pair = Netns::connect(&home, &server)?;
    set_root(&home, &pair.a.device, &FULL_SOON)?;
    let closed = SocketAddr::new(pair.b.v4.into(), 9);
    home.run(|| traffic::udp_to_closed_port(closed, 500))?;
    let exporter = Exporter::builder()
        .config(CONFIG)
        .wrap(home.prefix())
        .wrap(WITHOUT_SYS_ADMIN)
        .start()?;
    let metrics = home.run(|| exporter.scrape())?;
    let drops = metrics
        .samples("kubeskoop_qdisc_drops")
        .find(|it| it.value > 400.0);
    ensure!(drops.is_some(), "the drops of its own namespace are missing");
    assert_eq!(exported(&metrics, server.name())?, None);
    check_that_it_names_the_capability(&home.run(|| exporter.probe_status("qdisc"))?)
}

/// The namespaces of a fixture are links to nowhere.
#[test]
fn a_proc_tree_without_namespaces_to_enter_is_no_error() -> Result<()> {
    let tree = workspace_root()?.join("tests/fixtures/proc/modern");
    let exporter = Exporter::builder()
        .config(CONFIG)
        .args(["--procfs".into(), tree])
        .start()?;
    let metrics = exporter.scrape()?;
    assert_eq!(exported(&metrics, "")?, None);
    let status = exporter.probe_status("qdisc")?;
    assert_eq!(status["state"], "failed");
    assert_eq!(
        (&status["reason"], &status["errors_total"]),
        (&"no network namespace could be read".into(), &0.into())
    );
    Ok(())
}
