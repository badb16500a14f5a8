//! What the exporter holds while it does nothing.

use std::collections::BTreeMap;
use std::ffi::OsString;
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
    let now = cpu(pid)?;
    // A thread that has ended meanwhile had nothing to do.
    let taken: u64 = now
        .iter()
        .map(|(thread, cpu)| cpu - before.get(thread).unwrap_or(&0))
        .sum();
    Ok(100.0 * Duration::from_nanos(taken).as_secs_f64() / began.elapsed().as_secs_f64())
}

/// CPU time of each of its threads in nanoseconds, which is counted here more finely than in ticks.
fn cpu(pid: u32) -> Result<BTreeMap<OsString, u64>> {
    let mut threads = BTreeMap::new();
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let thread = thread?;
        // One that ends meanwhile does not count.
        let text = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
        if let Some(on_cpu) = text.split(' ').next().filter(|it| !it.is_empty()) {
            threads.insert(thread.file_name(), on_cpu.parse()?);
        }
    }
    Ok(threads)
}
