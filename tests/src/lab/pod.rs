//! Pods without a container runtime: what the kernel shows of one.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::lab::cgroup::Cgroup;
use crate::lab::netns::Netns;
use crate::lab::node::{Node, spawn_in};
use crate::lab::process::Guard;

/// Start times are counted in ticks of ten milliseconds.
const SOME_TICKS: Duration = Duration::from_millis(30);

/// Processes in the cgroups and the network namespace of a pod; all gone when dropped.
#[derive(Debug)]
pub struct Pod {
    // Fields are dropped in this order: processes leave before what they are in goes.
    processes: Vec<Guard>,
    cgroups: Vec<Cgroup>,
    namespaces: Vec<Netns>,
    uid: String,
}

/// How a pod is to look.
#[derive(Debug)]
pub struct Builder<'a> {
    uid: String,
    node: Option<&'a Node>,
    is_host_network: bool,
    containers: usize,
    ended: usize,
    has_sandbox: bool,
    command: Vec<String>,
}

impl Pod {
    /// A pod whose cgroups are named after `uid`, or after the hash of a static pod: a namespace of its
    /// own and one container with one process that does nothing.
    pub fn of<'a>(uid: &str) -> Builder<'a> {
        Builder {
            uid: uid.to_owned(),
            node: None,
            is_host_network: false,
            containers: 1,
            ended: 0,
            has_sandbox: false,
            command: vec!["sleep".to_owned(), "600".to_owned()],
        }
    }

    /// Its namespace; none on the network of the host.
    pub fn netns(&self) -> Result<&Netns> {
        self.namespaces
            .first()
            .context("the pod has no namespace of its own")
    }

    /// The second namespace of one of its processes.
    pub fn sandbox(&self) -> Result<&Netns> {
        self.namespaces.get(1).context("the pod has one namespace")
    }

    /// What its cgroups are named after.
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// Its processes, one a container.
    pub fn processes(&mut self) -> &mut [Guard] {
        &mut self.processes
    }

    /// Ends all its processes; cgroups and namespaces stay, as for a moment they do with any pod.
    pub fn end_processes(&mut self) {
        self.processes.clear();
    }

    /// Its cgroups, one a container.
    pub fn cgroups(&self) -> &[Cgroup] {
        &self.cgroups
    }
}

impl<'a> Builder<'a> {
    /// On a node of its own, unless it is that of the machine.
    #[must_use]
    pub fn on(mut self, node: &'a Node) -> Self {
        self.node = Some(node);
        self
    }

    /// On the network of the host.
    #[must_use]
    pub fn host_network(mut self) -> Self {
        self.is_host_network = true;
        self
    }

    /// With so many containers; with none it has no process.
    #[must_use]
    pub fn containers(mut self, count: usize) -> Self {
        self.containers = count;
        self
    }

    /// With so many init containers, which have ended before the others begin.
    #[must_use]
    pub fn init_containers(mut self, count: usize) -> Self {
        self.ended = count;
        self
    }

    /// With one more process, later and in a network namespace of its own, as browsers have.
    #[must_use]
    pub fn sandbox(mut self) -> Self {
        self.has_sandbox = true;
        self
    }

    /// With containers that run this.
    #[must_use]
    pub fn command(mut self, words: &[&str]) -> Self {
        self.command = words.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// Starts it.
    pub fn start(self) -> Result<Pod> {
        let mut pod = Pod {
            processes: Vec::new(),
            cgroups: Vec::new(),
            namespaces: Vec::new(),
            uid: self.uid.clone(),
        };
        if !self.is_host_network {
            pod.namespaces.push(Netns::new("pod")?);
        }
        for _ in 0..self.ended {
            let (cgroup, _process) = self.container(pod.namespaces.first(), &self.command)?;
            pod.cgroups.push(cgroup);
        }
        for _ in 0..self.containers {
            let (cgroup, process) = self.container(pod.namespaces.first(), &self.command)?;
            pod.cgroups.push(cgroup);
            pod.processes.push(process);
        }
        if self.has_sandbox {
            sleep(SOME_TICKS);
            let sandbox = Netns::new("sandbox")?;
            let (cgroup, process) = self.container(Some(&sandbox), &self.command)?;
            pod.namespaces.push(sandbox);
            pod.cgroups.push(cgroup);
            pod.processes.push(process);
        }
        Ok(pod)
    }

    fn container(&self, netns: Option<&Netns>, words: &[String]) -> Result<(Cgroup, Guard)> {
        let cgroup = Cgroup::new(format!(
            "kubepods/burstable/pod{}/{}",
            self.uid,
            new_container_id()
        ))?;
        // It waits for its place before it becomes what it is to be, as with a runtime.
        let mut command = Command::new("sh");
        command
            .args(["-c", "echo 0 > \"$0\"; exec \"$@\""])
            .arg(cgroup.path().join("cgroup.procs"))
            .args(words)
            .stdin(Stdio::null());
        let mut spawn = || match self.node {
            Some(node) => spawn_in(&node.pids(), &mut command),
            None => Guard::spawn(&mut command),
        };
        let process = match netns {
            Some(netns) => netns.run(spawn)?,
            None => spawn()?,
        };
        // Whoever looks from now on finds it in its place.
        cgroup.add(process.pid())?;
        Ok((cgroup, process))
    }
}

/// The id of a container that no other of this test program has.
fn new_container_id() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("{number:012x}{:052x}", std::process::id())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;
    use std::os::unix::fs::MetadataExt;

    use super::*;

    const UID: &str = "0a8c1f6e-7d0f-4b7e-9a3a-52f1d1f7c001";

    #[test]
    fn processes_are_in_cgroup_and_namespace() {
        let mut pod = Pod::of(UID)
            .containers(2)
            .init_containers(1)
            .sandbox()
            .start()
            .unwrap();
        assert_eq!((pod.cgroups().len(), pod.processes().len()), (4, 3));
        let inodes = [pod.netns(), pod.netns(), pod.sandbox()].map(|it| it.unwrap().inode().unwrap());
        for (process, inode) in pod.processes().iter().zip(inodes) {
            let file = |name: &str| format!("/proc/{}/{name}", process.pid());
            assert_eq!(fs::metadata(file("ns/net")).unwrap().ino(), inode);
            let cgroups = fs::read_to_string(file("cgroup")).unwrap();
            assert!(
                cgroups.contains(&format!("/kubepods/burstable/pod{UID}/")),
                "{cgroups}"
            );
        }
        let top = pod.cgroups()[0].path().parent().unwrap().to_owned();
        drop(pod);
        assert!(!top.exists());
    }

    #[test]
    fn one_on_the_network_of_the_host_has_no_namespace() {
        let node = Node::start().unwrap();
        let mut pod = Pod::of("fedcba9876543210fedcba9876543210")
            .on(&node)
            .host_network()
            .start()
            .unwrap();
        assert!(pod.netns().is_err());
        pod.end_processes();
        assert!(pod.processes().is_empty());
    }
}
