//! What processes read, write and hold open is what the kernel says of each of them, summed up by
//! namespace: exact, never falling, and counted once.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::helper::Helper;
use kubeskoop_exporter_tests::lab::metrics::Metrics;
use kubeskoop_exporter_tests::lab::netns::Netns;
use kubeskoop_exporter_tests::lab::path::Path;
use kubeskoop_exporter_tests::lab::process::Guard;
use kubeskoop_exporter_tests::lab::wait::eventually;
use kubeskoop_exporter_tests::on_both_paths;

const CONFIG: &str = "interval: 0\nmetrics: {probes: [tcp, io, fd]}\n";
const METRICS: [&str; 4] = ["readsyscall", "writesyscall", "readbytes", "writebytes"];
const SOON: Duration = Duration::from_secs(10);
const NOBODY: [&str; 4] = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

on_both_paths!(
    calls_and_bytes_of_a_workload_are_those_that_the_kernel_counted,
    a_process_of_another_user_is_read,
    what_a_process_did_that_has_ended_stays_counted,
    a_thousand_short_lived_processes_are_counted_once_each_and_no_scrape_sees_less,
    a_restart_of_the_exporter_is_no_spike,
    a_parent_in_another_namespace_does_not_inherit_what_its_child_did,
    descriptors_and_sockets_are_those_that_a_process_holds,
);

/// `METRICS` of a process or of a namespace.
type Io = [u64; 4];

fn total(scrape: &Metrics, netns: &Netns) -> Result<Io> {
    let mut total = Io::default();
    for (number, metric) in total.iter_mut().zip(METRICS) {
        *number = number_of(scrape, &format!("kubeskoop_io_{metric}"), netns)?;
    }
    Ok(total)
}

fn number_of(scrape: &Metrics, metric: &str, netns: &Netns) -> Result<u64> {
    let samples = scrape.matching(metric, &[("netns", netns.name())]);
    let name = netns.name();
    ensure!(
        samples.len() == 1,
        "{} samples of {metric} in {name}",
        samples.len()
    );
    samples[0]
        .raw
        .parse()
        .with_context(|| format!("{metric} is {}", samples[0].raw))
}

fn plus(a: Io, b: Io) -> Io {
    std::array::from_fn(|at| a[at] + b[at])
}

fn minus(a: Io, b: Io) -> Io {
    std::array::from_fn(|at| a[at] - b[at])
}

/// What the kernel says of a process and of the children that it has waited for.
fn of_kernel(pid: u32) -> Result<Io> {
    let text = fs::read_to_string(format!("/proc/{pid}/io"))?;
    let mut io = Io::default();
    for (number, name) in io
        .iter_mut()
        .zip(["syscr: ", "syscw: ", "read_bytes: ", "write_bytes: "])
    {
        let value = text.lines().find_map(|line| line.strip_prefix(name));
        *number = value.with_context(|| format!("no {name} in {text}"))?.parse()?;
    }
    Ok(io)
}

/// A shell in a namespace that does what it is told, and waits for its children.
struct Shell {
    /// Of itself or of what it is wrapped in.
    _guard: Guard,
    pid: u32,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Shell {
    fn new(netns: &Netns) -> Result<Self> {
        Self::wrapped(netns, &[])
    }

    fn wrapped(netns: &Netns, wrap: &[&str]) -> Result<Self> {
        let words = [wrap, &["bash", "--norc"]].concat();
        let mut guard = netns.run(|| {
            let mut command = Command::new(words[0]);
            command
                .args(&words[1..])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped());
            Guard::spawn(&mut command)
        })?;
        let mut input = guard.child().stdin.take().context("no stdin")?;
        let mut output = BufReader::new(guard.child().stdout.take().context("no stdout")?);
        writeln!(input, "echo $$")?;
        let mut pid = String::new();
        output.read_line(&mut pid)?;
        let mut shell = Self {
            _guard: guard,
            pid: pid
                .trim_end()
                .parse()
                .with_context(|| format!("{pid:?} is no pid"))?,
            input,
            output,
        };
        shell.run("true")?;
        Ok(shell)
    }

    /// Has it run something to its end.
    fn run(&mut self, commands: &str) -> Result<()> {
        self.begin(commands)?;
        self.finish()
    }

    fn begin(&mut self, commands: &str) -> Result<()> {
        writeln!(self.input, "{commands}\necho done")?;
        self.input.flush().context("the shell has ended")
    }

    /// Waits for it to be done, and to wait for more.
    fn finish(&mut self) -> Result<()> {
        let mut line = String::new();
        while line.trim_end() != "done" {
            line.clear();
            ensure!(self.output.read_line(&mut line)? > 0, "the shell has ended");
        }
        let wchan = format!("/proc/{}/stat", self.pid);
        eventually(SOON, || Ok(fs::read_to_string(&wchan)?.contains(") S ")))
    }

    fn io(&self) -> Result<Io> {
        of_kernel(self.pid)
    }
}

/// A file on a disk: what is on a tmpfs never gets to storage.
fn scratch(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}", std::process::id()))
}

fn calls_and_bytes_of_a_workload_are_those_that_the_kernel_counted(path: Path) -> Result<()> {
    let file = scratch(&format!("{path:?}"));
    let file = file.display();
    let (netns, bystander) = (Netns::new("works")?, Netns::new("idle")?);
    let (mut shell, _idle) = (Shell::new(&netns)?, Shell::new(&bystander)?);
    let exporter = path.exporter(CONFIG)?;
    let before = shell.io()?;
    assert_eq!(total(&exporter.scrape()?, &netns)?, Io::default());
    shell.run("dd if=/dev/zero of=/dev/null bs=1 count=3000 status=none")?;
    shell.run(&format!(
        "dd if=/dev/zero of={file} bs=64K count=32 conv=fsync status=none"
    ))?;
    shell.run(&format!(
        "dd of={file} oflag=nocache conv=notrunc,fdatasync count=0 status=none; cat {file} > /dev/null; rm {file}"
    ))?;
    let scrape = exporter.scrape()?;
    let done = minus(shell.io()?, before);
    assert_eq!(total(&scrape, &netns)?, done);
    ensure!(done[0] >= 3000 && done[1] >= 3032, "{done:?}");
    ensure!(done[3] >= 2 << 20, "{done:?}: is {file} on a disk?");
    assert_eq!(total(&scrape, &bystander)?, Io::default());
    Ok(())
}

fn a_process_of_another_user_is_read(path: Path) -> Result<()> {
    let netns = Netns::new("nobody")?;
    let mut shell = Shell::wrapped(&netns, &NOBODY)?;
    let exporter = path.exporter(CONFIG)?;
    let before = shell.io()?;
    exporter.scrape()?;
    shell.run("dd if=/dev/zero of=/dev/null bs=1 count=500 status=none")?;
    let scrape = exporter.scrape()?;
    assert_eq!(total(&scrape, &netns)?, minus(shell.io()?, before));
    assert_eq!(descriptors(&scrape, &netns)?, of_links(shell.pid)?);
    Ok(())
}

fn what_a_process_did_that_has_ended_stays_counted(path: Path) -> Result<()> {
    let netns = Netns::new("ended")?;
    let mut shell = Shell::new(&netns)?;
    let exporter = path.exporter(CONFIG)?;
    let before = shell.io()?;
    exporter.scrape()?;
    shell.run("dd if=/dev/zero of=/dev/null bs=1 count=500 status=none")?;
    let done = minus(shell.io()?, before);
    assert_eq!(total(&exporter.scrape()?, &netns)?, done);
    drop(shell);
    let scrape = exporter.scrape()?;
    assert_eq!(total(&scrape, &netns)?, done);
    assert_eq!(descriptors(&scrape, &netns)?, [0, 0]);
    // Another one in the same namespace, which is pinned by its mount.
    let other = Shell::new(&netns)?;
    assert_eq!(total(&exporter.scrape()?, &netns)?, plus(done, other.io()?));
    Ok(())
}

/// The kernel adds what a child did to its parent, which has to be told from what the parent does.
fn a_thousand_short_lived_processes_are_counted_once_each_and_no_scrape_sees_less(path: Path) -> Result<()> {
    let netns = Netns::new("many")?;
    let mut shell = Shell::new(&netns)?;
    let exporter = path.exporter(CONFIG)?;
    let before = shell.io()?;
    let mut last = total(&exporter.scrape()?, &netns)?;
    shell.begin("for ((i = 0; i < 1000; i++)); do head -c 20 /dev/zero > /dev/null; done")?;
    std::thread::scope(|scope| -> Result<()> {
        let work = scope.spawn(|| shell.finish());
        while !work.is_finished() {
            let now = total(&exporter.scrape()?, &netns)?;
            ensure!(
                now.iter().zip(last).all(|(now, last)| *now >= last),
                "{now:?} after {last:?}"
            );
            last = now;
        }
        work.join().map_err(|_| anyhow::anyhow!("the thread panicked"))?
    })?;
    let done = minus(shell.io()?, before);
    assert_eq!(total(&exporter.scrape()?, &netns)?, done);
    ensure!(done[0] > 1000 && done[1] >= 1000, "{done:?}");
    Ok(())
}

/// As where pids have wrapped: the pass then sees children before their parent, which may have
/// inherited from them by the time it is read. Files are read in the order of starts.
#[test]
fn children_with_lower_pids_than_their_parent_are_counted_once() -> Result<()> {
    let netns = Netns::new("wrapped")?;
    let highest = Helper::compile("highest_pid")?;
    let mut shell = Shell::wrapped(&netns, &[&highest.program().to_string_lossy()])?;
    let exporter = Path::Pass.exporter(CONFIG)?;
    let before = shell.io()?;
    exporter.scrape()?;
    let child = "head -c 20 /dev/zero > /dev/null";
    // Few at a time, so that what is counted twice is not made good by those that come after.
    for round in 0..100 {
        shell.begin(&format!("{child}; {child}; {child}"))?;
        std::thread::scope(|scope| -> Result<()> {
            let work = scope.spawn(|| shell.finish());
            while !work.is_finished() {
                exporter.scrape()?;
            }
            work.join().map_err(|_| anyhow::anyhow!("the thread panicked"))?
        })?;
        let scrape = exporter.scrape()?;
        assert_eq!(
            total(&scrape, &netns)?,
            minus(shell.io()?, before),
            "round {round}"
        );
    }
    Ok(())
}

fn a_restart_of_the_exporter_is_no_spike(path: Path) -> Result<()> {
    let netns = Netns::new("restart")?;
    let mut shell = Shell::new(&netns)?;
    let mut first = path.exporter(CONFIG)?;
    first.scrape()?;
    shell.run("dd if=/dev/zero of=/dev/null bs=1 count=5000 status=none")?;
    ensure!(total(&first.scrape()?, &netns)?[0] >= 5000);
    first.terminate()?;
    shell.run("dd if=/dev/zero of=/dev/null bs=1 count=7000 status=none")?;
    let second = path.exporter(CONFIG)?;
    let before = shell.io()?;
    assert_eq!(total(&second.scrape()?, &netns)?, Io::default());
    shell.run("dd if=/dev/zero of=/dev/null bs=1 count=50 status=none")?;
    assert_eq!(total(&second.scrape()?, &netns)?, minus(shell.io()?, before));
    Ok(())
}

/// As the runtime on the host waits for the processes of a container.
fn a_parent_in_another_namespace_does_not_inherit_what_its_child_did(path: Path) -> Result<()> {
    let (parent, child) = (Netns::new("parent")?, Netns::new("child")?);
    let mut shell = Shell::new(&parent)?;
    let exporter = path.exporter(CONFIG)?;
    let before = shell.io()?;
    exporter.scrape()?;
    // The child goes on when the shell closes the pipe.
    let work = "dd if=/dev/zero of=/dev/null bs=1 count=20000 status=none; echo done; read";
    shell.run(&format!(
        "coproc nsenter --net={} bash -c '{work}'; read <&${{COPROC[0]}}",
        child.path().display()
    ))?;
    let scrape = exporter.scrape()?;
    let (of_parent, of_child) = (total(&scrape, &parent)?, total(&scrape, &child)?);
    ensure!(of_child[0] >= 20_000 && of_child[1] >= 20_000, "{of_child:?}");
    ensure!(of_parent[0] < 10_000, "{of_parent:?}");
    shell.run("exec {COPROC[1]}>&-; wait")?;
    let scrape = exporter.scrape()?;
    let (of_parent, after) = (total(&scrape, &parent)?, total(&scrape, &child)?);
    ensure!(of_parent[0] < 10_000 && of_parent[1] < 10_000, "{of_parent:?}");
    assert_eq!(after, of_child);
    assert_eq!(plus(of_parent, of_child), minus(shell.io()?, before));
    Ok(())
}

/// Open descriptors and sockets.
fn descriptors(scrape: &Metrics, netns: &Netns) -> Result<[u64; 2]> {
    Ok([
        number_of(scrape, "kubeskoop_fd_openfd", netns)?,
        number_of(scrape, "kubeskoop_fd_opensocket", netns)?,
    ])
}

fn of_links(pid: u32) -> Result<[u64; 2]> {
    let mut found = [0, 0];
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
        let target = fs::read_link(entry?.path())?;
        found[0] += 1;
        found[1] += u64::from(target.to_string_lossy().starts_with("socket:["));
    }
    Ok(found)
}

fn descriptors_and_sockets_are_those_that_a_process_holds(path: Path) -> Result<()> {
    let netns = Netns::new("holds")?;
    let (mut one, mut other) = (Shell::new(&netns)?, Shell::wrapped(&netns, &NOBODY)?);
    let exporter = path.exporter(CONFIG)?;
    let before = descriptors(&exporter.scrape()?, &netns)?;
    one.run("for i in {20..59}; do eval \"exec $i< /dev/null\"; done")?;
    other.run("for i in {20..26}; do eval \"exec $i<> /dev/udp/127.0.0.1/9\"; done")?;
    let now = descriptors(&exporter.scrape()?, &netns)?;
    assert_eq!(now, [before[0] + 40 + 7, before[1] + 7]);
    let [one, other] = [of_links(one.pid)?, of_links(other.pid)?];
    assert_eq!(now, [one[0] + other[0], one[1] + other[1]]);
    Ok(())
}

/// Files of another user are closed to root itself without the capability.
#[test]
fn processes_that_cannot_be_read_are_counted_and_the_missing_capability_named() -> Result<()> {
    let (closed, open) = (Netns::new("closed")?, Netns::new("open")?);
    let _nobody = Shell::wrapped(&closed, &NOBODY)?;
    let mut root = Shell::new(&open)?;
    let without = "--bounding-set=-dac_read_search,-dac_override";
    let exporter = Exporter::builder()
        .config(CONFIG)
        .args(["--no-bpf"])
        .wrap(["setpriv", without])
        .start()?;
    let before = root.io()?;
    exporter.scrape()?;
    root.run("dd if=/dev/zero of=/dev/null bs=1 count=500 status=none")?;
    let scrape = exporter.scrape()?;
    assert_eq!(total(&scrape, &open)?, minus(root.io()?, before));
    for metric in ["kubeskoop_io_readsyscall", "kubeskoop_fd_openfd"] {
        ensure!(scrape.matching(metric, &[("netns", closed.name())]).is_empty());
    }
    for (name, file) in [("io", "/proc/<pid>/io"), ("fd", "/proc/<pid>/fd")] {
        let probe = exporter.probe_status(name)?;
        let reason = probe["reason"].as_str().unwrap_or_default();
        assert_eq!(probe["state"], "up", "{reason}");
        for words in [file, "processes: CAP_DAC_READ_SEARCH is missing"] {
            ensure!(reason.contains(words), "{words} is not in {reason}");
        }
    }
    Ok(())
}
