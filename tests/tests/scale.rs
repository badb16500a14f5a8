//! Many namespaces and many processes, made and deleted while the exporter is scraped: nothing is
//! attributed to somebody else, and nothing is left behind.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::helper::Helper;
use kubeskoop_exporter_tests::lab::metrics::{Metrics, Sample};
use kubeskoop_exporter_tests::lab::path::Path;
use kubeskoop_exporter_tests::lab::wait::eventually;
use kubeskoop_exporter_tests::on_both_paths;

const CONFIG: &str = "interval: 0\nmetrics: {probes: [tcp, ip, tcpsummary, io, fd]}\n";
const TTL: &str = "kubeskoop_ip_defaultttl";
/// That of a namespace which has not been given its own yet.
const TTL_OF_LINUX: u64 = 64;
/// The kernel takes namespaces down one after another, a while after their last process.
const SOON: Duration = Duration::from_mins(1);
const ROUNDS: usize = 2;
/// What the allocator may keep of a round for the next.
const SLACK: u64 = 8 << 20;

on_both_paths!(
    a_thousand_namespaces_come_and_go,
    ten_thousand_processes_come_and_go,
    a_thousand_namespaces_with_ten_thousand_processes_come_and_go,
);

fn a_thousand_namespaces_come_and_go(path: Path) -> Result<()> {
    come_and_go(path, 1000, 1)
}

fn ten_thousand_processes_come_and_go(path: Path) -> Result<()> {
    come_and_go(path, 10, 1000)
}

fn a_thousand_namespaces_with_ten_thousand_processes_come_and_go(path: Path) -> Result<()> {
    come_and_go(path, 1000, 10)
}

/// What the exporter uses.
#[derive(Debug)]
struct Use {
    memory: u64,
    open_files: usize,
}

impl Use {
    fn of(exporter: &Exporter) -> Result<Self> {
        let process = format!("/proc/{}", exporter.pid());
        let status = fs::read_to_string(format!("{process}/status"))?;
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let memory = memory.and_then(|it| it.trim().strip_suffix(" kB"));
        Ok(Self {
            memory: memory.context("no VmRSS")?.parse::<u64>()? * 1024,
            open_files: fs::read_dir(format!("{process}/fd"))?.count(),
        })
    }
}

/// Numbers of namespaces by their label.
type Numbers = BTreeMap<String, u64>;

fn numbers(scrape: &Metrics, metric: &str) -> Result<Numbers> {
    let number = |sample: &Sample| {
        let label = sample.label("netns").context("no netns")?;
        Ok((label.to_owned(), sample.raw.parse()?))
    };
    scrape
        .samples(metric)
        .map(number)
        .filter(|it| it.as_ref().map_or(true, |(label, _)| label.starts_with("ns")))
        .collect()
}

/// The number of each namespace in a population.
fn told(lines: &[String]) -> Result<Numbers> {
    let number = |line: &String| {
        let (inode, number) = line.split_once(' ').context("not a namespace")?;
        Ok((format!("ns{inode}"), number.parse()?))
    };
    lines.iter().map(number).collect()
}

fn ttl_of(number: u64) -> u64 {
    65 + number % 190
}

/// Pids are few, and an exporter sees the namespaces of all tests.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn come_and_go(path: Path, namespaces: usize, processes: usize) -> Result<()> {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let population = Helper::compile("population")?;
    let exporter = path.exporter(CONFIG)?;
    let strangers = numbers(&exporter.scrape()?, TTL)?;
    let mut uses = vec![Use::of(&exporter)?];
    let mut before = Numbers::new();
    for _ in 0..ROUNDS {
        let mut seen = Vec::new();
        let (running, now) = while_scraped(&exporter, &mut seen, || {
            let mut command = Command::new(population.program());
            command.args([namespaces.to_string(), processes.to_string()]);
            Helper::start(&mut command)
        })?;
        let now = told(&now)?;
        ensure!(now.len() == namespaces, "{} namespaces", now.len());
        everybody_has_the_own_numbers(&exporter.scrape()?, &now, processes)?;
        while_scraped(&exporter, &mut seen, || running.finish())?;
        nobody_had_those_of_another(&seen, &[&strangers, &before, &now])?;
        gone(&exporter, &now)?;
        uses.push(Use::of(&exporter)?);
        before = now;
    }
    nothing_is_left(&uses)
}

/// Does something that takes a while, and scrapes meanwhile.
fn while_scraped<T: Send>(
    exporter: &Exporter,
    seen: &mut Vec<Numbers>,
    work: impl FnOnce() -> Result<T> + Send,
) -> Result<T> {
    std::thread::scope(|scope| {
        let work = scope.spawn(work);
        while !work.is_finished() {
            seen.push(numbers(&exporter.scrape()?, TTL)?);
        }
        work.join().map_err(|_| anyhow::anyhow!("the thread panicked"))?
    })
}

fn everybody_has_the_own_numbers(scrape: &Metrics, now: &Numbers, processes: usize) -> Result<()> {
    let (ttls, files) = (numbers(scrape, TTL)?, numbers(scrape, "kubeskoop_fd_openfd")?);
    for (label, number) in now {
        let expected = (Some(ttl_of(*number)), Some(number % 7 * processes as u64));
        let seen = (ttls.get(label).copied(), files.get(label).copied());
        ensure!(
            seen == expected,
            "{label}, number {number}: {seen:?} instead of {expected:?}"
        );
    }
    Ok(())
}

/// An inode is used again, so that a label may stand for a namespace of the round before.
fn nobody_had_those_of_another(seen: &[Numbers], known: &[&Numbers]) -> Result<()> {
    let [strangers, rounds @ ..] = known else {
        unreachable!("there are strangers")
    };
    for (label, ttl) in seen.iter().flatten() {
        let may_be = rounds
            .iter()
            .filter_map(|round| round.get(label).map(|number| ttl_of(*number)))
            .chain(strangers.get(label).copied())
            .chain([TTL_OF_LINUX]);
        let may_be: Vec<u64> = may_be.collect();
        ensure!(may_be.contains(ttl), "{label} has {ttl}, not one of {may_be:?}");
    }
    Ok(())
}

/// Until no series of any metric is of a namespace that was.
fn gone(exporter: &Exporter, now: &Numbers) -> Result<()> {
    let mut left = Vec::new();
    eventually(SOON, || {
        let scrape = exporter.scrape()?;
        let samples = scrape.families().iter().flat_map(|family| &family.samples);
        let labels = samples.filter_map(|sample| sample.label("netns"));
        left = labels
            .filter(|label| now.contains_key(*label))
            .map(str::to_owned)
            .collect();
        Ok(left.is_empty())
    })
    .with_context(|| format!("still there: {left:?}"))
}

fn nothing_is_left(uses: &[Use]) -> Result<()> {
    let [first, .., last_but_one, last] = uses else {
        unreachable!("there are rounds")
    };
    println!("{uses:#?}");
    ensure!(last.open_files.abs_diff(first.open_files) <= 1);
    ensure!(last.memory <= last_but_one.memory + SLACK);
    Ok(())
}
