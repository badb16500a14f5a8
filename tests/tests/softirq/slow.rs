//! A run that takes long, which others wait for.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use kubeskoop_exporter_tests::lab::firewall::Firewall;
use kubeskoop_exporter_tests::lab::guest::is_guest;
use kubeskoop_exporter_tests::lab::trio::Trio;
use kubeskoop_exporter_tests::lab::wait::eventually;

use crate::{EXEC, SCHED, check_slow, histogram};

const ALL: [&str; 10] = [
    "hi", "timer", "net_tx", "net_rx", "block", "irq_poll", "tasklet", "sched", "hrtimer", "rcu",
];
const SOON: Duration = Duration::from_secs(20);
const PACKETS: usize = 2000;
const RULES: u16 = 10_000;

/// A setting of the kernel, put back when this is dropped.
struct Setting {
    file: PathBuf,
    before: String,
}

impl Setting {
    fn change(name: &str, value: &str) -> Result<Self> {
        let file = PathBuf::from(format!("/proc/sys/net/core/{name}"));
        let before = fs::read_to_string(&file)?;
        fs::write(&file, value).with_context(|| file.display().to_string())?;
        Ok(Self { file, before })
    }
}

impl Drop for Setting {
    fn drop(&mut self) {
        if let Err(error) = fs::write(&self.file, &self.before) {
            eprintln!("{}: {error}", self.file.display());
        }
    }
}

/// Lets a device hold what is sent, or send it all at once.
fn bucket(trio: &Trio, verb: &str, rate: &str, burst: &str) -> Result<()> {
    let words = ["qdisc", verb, "dev", &trio.pair.a.device, "root", "tbf"];
    let size = ["rate", rate, "burst", burst, "limit", "10000000"];
    trio.client.tc(words.into_iter().chain(size))?;
    Ok(())
}

#[test]
fn a_run_of_more_than_100_ms_makes_others_wait_more_than_10_ms() -> Result<()> {
    if !is_guest() {
        println!(
            "skipped: this changes settings of the whole kernel, so it takes the virtual machine (make test-vm)"
        );
        return Ok(());
    }
    let types = ALL.join(", ");
    let trio = Trio::watched(&format!(
        "[{{name: softirq, args: {{softirq-types: [{types}]}}}}]"
    ))?;
    // One run may take as long as it likes.
    let _settings = [
        Setting::change("netdev_budget", "1000000")?,
        Setting::change("netdev_budget_usecs", "2000000")?,
        Setting::change("netdev_max_backlog", "100000")?,
        Setting::change("dev_weight", "100000")?,
    ];
    let _rules = Firewall::slow(&trio.server, RULES)?;
    bucket(&trio, "add", "80kbit", "100")?;
    let before = trio.exporter.scrape()?;
    crate::send(&trio, PACKETS)?;
    bucket(&trio, "change", "10gbit", "10000000")?;
    let mut seen = (0, 0);
    eventually(SOON, || {
        let after = trio.exporter.scrape()?;
        let grown = |name, kind| histogram(&after, name, kind)?.since(&histogram(&before, name, kind)?);
        let long = grown(EXEC, "net_rx")?.over(Duration::from_millis(100))?;
        let mut waits = 0;
        for kind in ALL {
            check_slow(&after, kind)?;
            if kind != "net_rx" {
                waits += grown(SCHED, kind)?.over(Duration::from_millis(10))?;
            }
        }
        seen = (long, waits);
        Ok(long > 0 && waits > 0)
    })
    .with_context(|| format!("(long runs, waits for them) are {seen:?}"))
}
