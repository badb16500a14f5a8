//! Named network namespaces.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use anyhow::{Context, Result, bail};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::lab::command::{output, output_with_input};
use crate::lab::process::Guard;
use crate::lab::veth::{self, Pair};

/// Where `ip netns` mounts the namespaces it names.
const DIRECTORY: &str = "/run/netns";

/// What the names of all namespaces made here begin with.
const PREFIX: &str = "ksk-";

/// How long a sleeper lives should the test be killed before it can end it.
const SLEEPER_SECONDS: &str = "600";

/// A network namespace with a name and loopback up; deleted when dropped.
///
/// Processes that are still in it keep it alive without its name: drop their guards first.
#[derive(Debug)]
pub struct Netns {
    name: String,
}

impl Netns {
    /// Creates the namespace `ksk-<pid>-<number>-<tag>`; the tag is of lower case letters, digits
    /// and `-`.
    pub fn new(tag: &str) -> Result<Self> {
        static SWEEP: Once = Once::new();
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        if !tag
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        {
            bail!("{tag:?} cannot be part of a namespace's name");
        }
        SWEEP.call_once(sweep);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{number}-{tag}", std::process::id());
        output(Command::new("ip").args(["netns", "add", &name]))?;
        let netns = Self { name };
        netns.ip(["link", "set", "lo", "up"])?;
        Ok(netns)
    }

    /// Joins two namespaces by a veth pair with addresses of both families, usable at once.
    pub fn connect(a: &Self, b: &Self) -> Result<Pair> {
        veth::connect(a, b)
    }

    /// The same with IPv4 alone: IPv6 is switched off in both.
    pub fn connect_v4(a: &Self, b: &Self) -> Result<Pair> {
        veth::connect_v4(a, b)
    }

    /// Sets a value below `/proc/sys`, of this namespace.
    pub fn sysctl(&self, name: &str, value: &str) -> Result<()> {
        let path = Path::new("/proc/sys").join(name);
        self.run(|| fs::write(&path, value).with_context(|| format!("cannot write {}", path.display())))
    }

    /// The name, as `ip netns list` shows it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file that `ip netns` has mounted it on.
    pub fn path(&self) -> PathBuf {
        Path::new(DIRECTORY).join(&self.name)
    }

    /// The inode that identifies it, the number in `net:[N]`.
    pub fn inode(&self) -> Result<u64> {
        let path = self.path();
        let file = fs::metadata(&path).with_context(|| format!("cannot stat {}", path.display()))?;
        Ok(file.ino())
    }

    /// Runs `work` on a new thread that has entered the namespace.
    ///
    /// Sockets made and processes started in there belong to the namespace. Its `/proc/net` is at
    /// `/proc/thread-self/net`. A panic of `work` goes on in the caller.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        thread::scope(|scope| {
            let joined = thread::Builder::new()
                .spawn_scoped(scope, || {
                    self.enter()?;
                    work()
                })
                .context("cannot start a thread")?
                .join();
            joined.unwrap_or_else(|panic| resume_unwind(panic))
        })
    }

    /// `program` wrapped in `ip netns exec`, which also gives it a `/sys` of the namespace (and
    /// hides what else is mounted under `/sys`, such as cgroups).
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    /// The words that run a command in this namespace and leave its mounts alone.
    pub fn prefix(&self) -> [String; 2] {
        ["nsenter".to_owned(), format!("--net={}", self.path().display())]
    }

    /// Starts a process in the namespace that does nothing.
    pub fn spawn_sleeper(&self) -> Result<Guard> {
        self.run(|| {
            let mut command = Command::new("sleep");
            command.arg(SLEEPER_SECONDS).stdin(Stdio::null());
            Guard::spawn(&mut command)
        })
    }

    /// Runs `ip` with `arguments` on the namespace and returns its output.
    pub fn ip<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Result<String> {
        output(Command::new("ip").args(["-n", &self.name]).args(arguments))
    }

    /// Runs `tc` with `arguments` on the namespace and returns its output.
    pub fn tc<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Result<String> {
        output(Command::new("tc").args(["-n", &self.name]).args(arguments))
    }

    /// Runs several lines of `ip` commands on the namespace.
    pub fn ip_batch(&self, lines: &str) -> Result<()> {
        output_with_input(Command::new("ip").args(["-n", &self.name, "-batch", "-"]), lines)?;
        Ok(())
    }

    /// Moves the calling thread into the namespace for good.
    fn enter(&self) -> Result<()> {
        let path = self.path();
        let file = File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
        move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
            .with_context(|| format!("cannot enter the network namespace {}", self.name))
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        delete(&self.name);
    }
}

fn delete(name: &str) {
    if let Err(error) = output(Command::new("ip").args(["netns", "delete", name])) {
        eprintln!("{error:#}");
    }
}

/// Deletes the namespaces of test processes that were killed before they could.
fn sweep() {
    // Without the directory there is none.
    let Ok(entries) = fs::read_dir(DIRECTORY) else {
        return;
    };
    for entry in entries.flatten() {
        if let Some(name) = entry.file_name().to_str()
            && maker(name).is_some_and(|pid| !is_alive(pid))
        {
            delete(name);
        }
    }
}

/// Whether a process runs; one that nobody has reaped does not.
fn is_alive(pid: u32) -> bool {
    // The state follows the program's name, which stands in parentheses and may hold any other.
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        let state = stat.rsplit_once(") ").map(|(_, rest)| rest);
        !state.is_some_and(|state| state.starts_with(['Z', 'X']))
    })
}

/// The process id within the name of a namespace made here.
fn maker(name: &str) -> Option<u32> {
    name.strip_prefix(PREFIX)?.split('-').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use std::net::{Ipv4Addr, TcpListener, TcpStream};
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::time::Duration;

    use super::*;
    use crate::lab::wait::eventually;

    fn inode_in(path: &str) -> u64 {
        fs::metadata(path).unwrap().ino()
    }

    #[test]
    fn is_listed_until_dropped() {
        let netns = Netns::new("listed").unwrap();
        let (name, path) = (netns.name().to_owned(), netns.path());
        assert!(name.starts_with(&format!("ksk-{}-", std::process::id())));
        let list = output(Command::new("ip").args(["netns", "list"])).unwrap();
        assert!(
            list.lines().any(|line| line.split(' ').next() == Some(&name)),
            "{list}"
        );
        drop(netns);
        assert!(!path.exists());
    }

    #[test]
    fn is_gone_after_a_panic() {
        let netns = Netns::new("panic").unwrap();
        let path = netns.path();
        let panicked = catch_unwind(AssertUnwindSafe(move || {
            let _netns = netns;
            panic!("on purpose");
        }));
        assert!(panicked.is_err());
        assert!(!path.exists());
    }

    #[test]
    fn only_the_thread_of_run_enters() {
        let before = inode_in("/proc/thread-self/ns/net");
        let netns = Netns::new("enter").unwrap();
        let inside = netns.run(|| Ok(inode_in("/proc/thread-self/ns/net"))).unwrap();
        assert_eq!(inside, netns.inode().unwrap());
        assert_ne!(inside, before);
        assert_eq!(inode_in("/proc/thread-self/ns/net"), before);
    }

    #[test]
    fn a_socket_belongs_to_its_namespace() {
        let netns = Netns::new("socket").unwrap();
        let listener = netns
            .run(|| Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?))
            .unwrap();
        let address = listener.local_addr().unwrap();
        assert!(netns.run(|| Ok(TcpStream::connect(address)?)).is_ok());
        assert!(TcpStream::connect(address).is_err(), "another loopback");
    }

    #[test]
    fn a_panic_of_the_work_goes_on() {
        let netns = Netns::new("work").unwrap();
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            netns.run(|| -> Result<()> { panic!("within") })
        }));
        let panic = panicked.unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"within"));
    }

    #[test]
    fn commands_run_inside() {
        let netns = Netns::new("command").unwrap();
        let expected = format!("{}\n", netns.inode().unwrap());
        let stat = ["-L", "-c", "%i", "/proc/self/ns/net"];
        assert_eq!(output(netns.command("stat").args(stat)).unwrap(), expected);
        let [program, option] = netns.prefix();
        let entered = output(Command::new(program).args([&option, "stat"]).args(stat)).unwrap();
        assert_eq!(entered, expected);
        let links = netns.ip(["-o", "link", "show", "up"]).unwrap();
        assert!(links.contains(": lo:"), "loopback is up: {links}");
        assert!(
            netns
                .tc(["qdisc", "show", "dev", "lo"])
                .unwrap()
                .contains("noqueue")
        );
    }

    #[test]
    fn a_sleeper_is_inside_from_the_start() {
        let netns = Netns::new("sleeper").unwrap();
        let sleeper = netns.spawn_sleeper().unwrap();
        let pid = sleeper.pid();
        assert_eq!(inode_in(&format!("/proc/{pid}/ns/net")), netns.inode().unwrap());
        assert_eq!(
            fs::read_to_string(format!("/proc/{pid}/comm")).unwrap(),
            "sleep\n"
        );
    }

    #[test]
    fn tells_whose_a_leftover_is() {
        assert_eq!(maker("ksk-123-0-some-tag"), Some(123));
        assert_eq!(maker("ksk-pod-a"), None);
        assert_eq!(maker("other-123-0"), None);
    }

    #[test]
    fn a_process_that_was_not_reaped_is_dead() {
        let mut child = Command::new("true").spawn().unwrap();
        let pid = child.id();
        assert!(is_alive(std::process::id()));
        eventually(Duration::from_secs(5), || Ok(!is_alive(pid))).unwrap();
        assert!(Path::new(&format!("/proc/{pid}")).exists());
        child.wait().unwrap();
        assert!(!is_alive(pid));
    }

    #[test]
    fn refuses_a_tag_that_is_no_name() {
        assert!(Netns::new("../up").is_err());
    }
}
