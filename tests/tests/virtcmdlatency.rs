//! Commands to virtio network devices: each is counted and measured, and where that cannot be done the
//! reason is told.

use std::fs;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use calls::Calls;
use kubeskoop_exporter_tests::lab::command::output;
use kubeskoop_exporter_tests::lab::configmap::ConfigMap;
use kubeskoop_exporter_tests::lab::exporter::{Exporter, binary};
use kubeskoop_exporter_tests::lab::guest::Guest;
use kubeskoop_exporter_tests::lab::metrics::Metrics;
use kubeskoop_exporter_tests::lab::wait::eventually;
use serde_json::Value;

#[path = "virtcmdlatency/calls.rs"]
mod calls;

const PROBE: &str = "virtcmdlatency";
const MODULE: &str = "virtio_net";
const LATENCY: &str = "kubeskoop_virtcmdlatency_latency_seconds";
/// What counts commands that take longer, and how long as the label of a bucket says it.
const LONGER: [(&str, &str); 2] = [
    ("kubeskoop_virtcmdlatency_latency", "0.01"),
    ("kubeskoop_virtcmdlatency_latency100ms", "0.1"),
];
const ROUNDS: u32 = 5;
/// A probe that could not be loaded is tried again after a minute, with the next collection.
const TRIED_AGAIN: Duration = Duration::from_secs(70);
const SOON: Duration = Duration::from_secs(10);

fn config(more: &str) -> String {
    format!("interval: 0\nmetrics: {{probes: [{PROBE}]}}\n{more}")
}

/// The guest's network device, which leads nowhere, up until this is dropped.
struct Interface(String);

impl Interface {
    fn up() -> Result<Self> {
        for entry in fs::read_dir("/sys/class/net")? {
            let entry = entry?;
            let driver = fs::read_link(entry.path().join("device/driver"));
            if driver.is_ok_and(|driver| driver.ends_with(MODULE)) {
                let name = entry.file_name().to_string_lossy().into_owned();
                ip(&["link", "set", &name, "up"])?;
                return Ok(Self(name));
            }
        }
        bail!("the guest has no virtio network device")
    }
}

impl Drop for Interface {
    fn drop(&mut self) {
        if let Err(error) = ip(&["link", "set", &self.0, "down"]) {
            eprintln!("{error:#}");
        }
    }
}

fn ip(arguments: &[&str]) -> Result<()> {
    output(Command::new("ip").args(arguments))?;
    // Since 6.9 a worker sends the commands, and does not work for each of two changes in a row.
    sleep(Duration::from_millis(100));
    Ok(())
}

/// How many commands there were, and how many of these were longer than the thresholds.
fn counts(metrics: &Metrics) -> Result<(f64, [f64; 2])> {
    let value = |name: &str| metrics.value(name, &[]).with_context(|| format!("no {name}"));
    let longer = [value(LONGER[0].0)?, value(LONGER[1].0)?];
    Ok((value(&format!("{LATENCY}_count"))?, longer))
}

/// The buckets only grow up to the count, and the counters are what lies beyond theirs.
fn histogram_is_sound(metrics: &Metrics) -> Result<()> {
    let (count, longer) = counts(metrics)?;
    let buckets = metrics.matching(&format!("{LATENCY}_bucket"), &[]);
    let values: Vec<f64> = buckets.iter().map(|bucket| bucket.value).collect();
    ensure!(buckets.len() == 23, "{} buckets", buckets.len());
    ensure!(values.is_sorted() && values.last() == Some(&count), "{values:?}");
    for ((name, edge), longer) in LONGER.iter().zip(longer) {
        let bucket = buckets.iter().find(|bucket| bucket.label("le") == Some(*edge));
        let within = bucket.with_context(|| format!("no bucket {edge}"))?.value;
        ensure!(
            (count - within - longer).abs() < 0.5,
            "{name}: {count} - {within} is not {longer}"
        );
    }
    let sum = metrics.value(&format!("{LATENCY}_sum"), &[]).context("no sum")?;
    ensure!(sum > 0.0, "{count} commands have taken no time");
    Ok(())
}

/// `change` makes commands, each of which is counted.
fn is_counted(exporter: &Exporter, what: &str, mut change: impl FnMut(u32) -> Result<()>) -> Result<()> {
    let calls = Calls::of(&["virtnet_send_command_reply", "virtnet_send_command"], MODULE)?;
    let (before, _) = counts(&exporter.scrape()?)?;
    (1..=ROUNDS).try_for_each(&mut change)?;
    let (mut made, mut counted) = (0, 0.0);
    let all = eventually(SOON, || {
        let metrics = exporter.scrape()?;
        (made, counted) = (calls.number()?, counts(&metrics)?.0 - before);
        histogram_is_sound(&metrics)?;
        Ok((counted - f64::from(made)).abs() < 0.5)
    });
    println!("{what}, {ROUNDS} times: {made} commands, {counted} counted");
    all?;
    // A receive mode takes three commands: promiscuous, all multicast, and the table of addresses.
    ensure!(made >= 3 * ROUNDS, "only {made} commands");
    Ok(())
}

fn each_command_is_counted(hooks: &str) -> Result<()> {
    let Some(guest) = Guest::or_skip("commands to a virtio network device are made") else {
        return Ok(());
    };
    guest.load_module(MODULE)?;
    let interface = Interface::up()?;
    let exporter = Exporter::builder()
        .config(&config(&format!("bpfHooks: {hooks}\n")))
        .start()?;
    exporter.wait_for_probes()?;
    let status = exporter.probe_status(PROBE)?;
    ensure!(status["state"] == "up", "{status}");
    is_counted(&exporter, "promiscuous on and off", |_| {
        ip(&["link", "set", &interface.0, "promisc", "on"])?;
        ip(&["link", "set", &interface.0, "promisc", "off"])
    })?;
    is_counted(&exporter, "a multicast address added and removed", |round| {
        let address = format!("33:33:00:00:00:{round:02}");
        ip(&["maddr", "add", &address, "dev", &interface.0])?;
        ip(&["maddr", "del", &address, "dev", &interface.0])
    })
}

#[test]
fn each_command_is_counted_by_fentry() -> Result<()> {
    each_command_is_counted("fentry")
}

#[test]
fn each_command_is_counted_by_kprobe() -> Result<()> {
    each_command_is_counted("kprobe")
}

fn is_up(exporter: &Exporter) -> Result<bool> {
    exporter.scrape()?;
    Ok(exporter.probe_status(PROBE)?["state"] == "up")
}

/// An exporter that has been told there is no such module, which is loaded then.
fn with_the_module_loaded_later(guest: Guest, map: &ConfigMap) -> Result<Exporter> {
    guest.unload_module(MODULE)?;
    let exporter = Exporter::builder().config_dir(map).start()?;
    exporter.wait_for_probes()?;
    let status = exporter.probe_status(PROBE)?;
    ensure!(status["state"] == "not_applicable", "{status}");
    let reason = status["reason"].as_str().unwrap_or_default();
    ensure!(
        reason.contains("virtio_net, or its module is not loaded"),
        "{status}"
    );
    guest.load_module(MODULE)?;
    ensure!(
        !is_up(&exporter)?,
        "it was tried again at once, so that nothing is shown here"
    );
    Ok(exporter)
}

#[test]
fn a_module_loaded_later_is_found_without_a_restart() -> Result<()> {
    let Some(guest) = Guest::or_skip("a module is unloaded") else {
        return Ok(());
    };
    let exporter = with_the_module_loaded_later(guest, &ConfigMap::new(&config(""))?)?;
    eventually(TRIED_AGAIN, || is_up(&exporter)).with_context(|| exporter.log())
}

#[test]
fn a_changed_configuration_has_it_looked_for_at_once() -> Result<()> {
    let Some(guest) = Guest::or_skip("a module is unloaded") else {
        return Ok(());
    };
    let mut map = ConfigMap::new(&config(""))?;
    let exporter = with_the_module_loaded_later(guest, &map)?;
    map.swap(&config("debugMode: true\n"))?;
    eventually(SOON, || is_up(&exporter)).with_context(|| exporter.log())
}

/// Whatever this machine has: the probe is up, or says in words why it is not, everywhere the same.
#[test]
fn where_it_does_not_apply_the_reason_is_told() -> Result<()> {
    let map = ConfigMap::new(&config("bpfHooks: auto\n"))?;
    let exporter = Exporter::builder().config_dir(&map).start()?;
    exporter.wait_for_probes()?;
    let metrics = exporter.scrape()?;
    let status = exporter.probe_status(PROBE)?;
    let listed = output(
        Command::new(binary()?)
            .args(["list", "probes", "--output", "json", "--config"])
            .arg(map.path()),
    )?;
    let listed: Vec<Value> = serde_json::from_str(&listed)?;
    let listed = listed.iter().find(|probe| probe["name"] == PROBE);
    let listed = listed.context("it is not listed")?;
    let state = status["state"].as_str().unwrap_or_default();
    for key in ["state", "reason"] {
        ensure!(listed[key] == status[key], "{listed} {status}");
    }
    let labels = [("probe", PROBE), ("state", state), ("source", "bpf")];
    let metric = metrics.value("kubeskoop_exporter_probe_state", &labels);
    ensure!(metric == Some(1.0), "{metric:?} {status}");
    if state == "up" {
        counts(&metrics)?;
        return Ok(());
    }
    ensure!(state == "not_applicable", "{status}");
    ensure!(
        metrics.family(LATENCY).is_none(),
        "numbers of what is not measured"
    );
    let reason = status["reason"].as_str().unwrap_or_default();
    println!("{reason}");
    let refusals = ["the kernel refuses fentry", "the kernel has no kprobes"];
    let is_in_words = refusals.map(|it| reason.contains(it)) == [true; 2]
        || reason.contains("this kernel has no virtio_net, or its module is not loaded");
    ensure!(is_in_words, "{status}");
    Ok(())
}
