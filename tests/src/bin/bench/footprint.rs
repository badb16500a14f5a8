//! What the exporter holds while it does nothing.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use kubeskoop_exporter_tests::lab::exporter::Exporter;

/// Prints its memory, that of its BPF maps, and its open files.
pub fn print(exporter: &Exporter) -> Result<()> {
    let metrics = exporter.scrape()?;
    let own = |name: &str| metrics.value(name, &[]).with_context(|| name.to_owned());
    let (maps, bytes) = maps(exporter.pid())?;
    println!(
        "resident memory          {:.1} MiB, budget 25 at 250 namespaces",
        own("process_resident_memory_bytes")? / f64::from(1 << 20)
    );
    println!(
        "kernel memory of {maps:2} maps  {} KiB, budget 32 MiB",
        bytes / 1024
    );
    println!("open files               {}", own("process_open_fds")?);
    Ok(())
}

/// How many BPF maps a process has open, and how much memory they hold.
fn maps(pid: u32) -> Result<(usize, u64)> {
    let directory = format!("/proc/{pid}/fdinfo");
    let (mut maps, mut bytes) = (0, 0);
    for entry in fs::read_dir(&directory).with_context(|| directory.clone())? {
        // One that was closed meanwhile is no map.
        let info = fs::read_to_string(entry?.path()).unwrap_or_default();
        let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name));
        if field("map_type:").is_some() {
            let memory = field("memlock:").context("a map without memlock")?;
            maps += 1;
            bytes += memory.trim().parse::<u64>()?;
        }
    }
    Ok((maps, bytes))
}

/// CPU time that a process takes while nobody asks it anything, in percent of one CPU.
pub fn idle_percent(pid: u32, period: Duration) -> Result<f64> {
    let (began, before) = (Instant::now(), cpu(pid)?);
    std::thread::sleep(period);
    let taken = cpu(pid)?.saturating_sub(before);
    Ok(100.0 * taken.as_secs_f64() / began.elapsed().as_secs_f64())
}

/// CPU time of all its threads, which the kernel counts here in nanoseconds and not in ticks.
fn cpu(pid: u32) -> Result<Duration> {
    let mut nanos = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = fs::read_to_string(thread?.path().join("schedstat"))?;
        let on_cpu = text.split(' ').next().context("an empty schedstat")?;
        nanos += on_cpu.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanos))
}
