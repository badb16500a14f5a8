//! A containerd of a test's own, with its CRI plugin and the CNI plugin bridge.
//!
//! Its mounts are in a mount namespace of its own. Its network and process namespaces are the machine's: pods
//! with `hostNetwork` are in the one that the exporter takes for the host's, and one with `hostPID` sees what
//! a BPF iterator sees.

mod cgroups;
mod config;
mod cri;
mod exporter;
mod grpc;
mod image;
mod kubelet;
mod pod;

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use prost::Message;
use tempfile::TempDir;

pub use self::cgroups::Cgroups;
pub use self::exporter::{Options, PodExporter};
pub use self::pod::{Container, Mount, Pod, PodSpec, Security};
use crate::lab::cgroup::Cgroup;
use crate::lab::command::output;
use crate::lab::helper::Helper;
use crate::lab::process::Guard;
use crate::lab::tools;
use crate::lab::wait::eventually;

/// The image that every containerd has: `tests/helpers/pod.c`, which is also what keeps a pod's namespaces.
pub const IMAGE: &str = "localhost/pod:1";

/// How long it may take until pods can be run.
const START: Duration = Duration::from_secs(20);

/// How long a new image may take to be known.
const IMPORT: Duration = Duration::from_secs(10);

/// How long it may take to end all.
const END: Duration = Duration::from_secs(10);

/// A running containerd; it and all that runs in it is ended when dropped, or when the test is killed.
#[derive(Debug)]
pub struct Containerd {
    keeper: Guard,
    cgroups: Cgroups,
    /// Its own and those of pods, removed once the keeper has emptied them.
    groups: Mutex<Vec<Cgroup>>,
    directory: TempDir,
}

impl Containerd {
    /// Starts one that uses control groups of that version.
    pub fn start(cgroups: Cgroups) -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        // The name of a network device has 15 characters at most.
        let name = format!("ksk{}-{number}", std::process::id());
        let directory = tempfile::Builder::new().prefix("ksk-containerd-").tempdir()?;
        config::write(directory.path(), &name)?;
        let group = Cgroup::new(&name)?;
        let keeper = Guard::spawn(&mut keeper(directory.path(), &name, &group, cgroups)?)?;
        let containerd = Self {
            keeper,
            cgroups,
            groups: Mutex::default(),
            directory,
        };
        containerd.hold(group)?;
        containerd.wait_until_ready()?;
        let helper = Helper::compile_static("pod")?;
        let archive = image::archive(containerd.directory(), IMAGE, helper.program())?;
        containerd.import(&archive, IMAGE)?;
        Ok(containerd)
    }

    /// Takes over the only image in an archive as `name`.
    pub fn import(&self, archive: &Path, name: &str) -> Result<()> {
        let ctr = |arguments: &[&str]| -> Result<()> {
            let mut ctr = Command::new(tool("ctr")?);
            ctr.arg("--address").arg(self.socket());
            output(ctr.args(["--namespace", "k8s.io", "images"]).args(arguments))?;
            Ok(())
        };
        let file = archive.to_string_lossy();
        ctr(&["import", "--snapshotter", "native", "--index-name", name, &file])?;
        let question = cri::ImageStatus {
            image: Some(cri::Image {
                image: name.to_owned(),
            }),
        };
        eventually(IMPORT, || {
            let answer: cri::ImageStatusAnswer = self.call("ImageService/ImageStatus", &question)?;
            Ok(answer.image.is_some())
        })
        .with_context(|| format!("{name} from {file}"))
    }

    /// Runs a pod without containers.
    pub fn run(&self, spec: PodSpec) -> Result<Pod<'_>> {
        Pod::run(self, spec)
    }

    /// A directory that is removed with it.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// What it has said.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory().join("log")).unwrap_or_default()
    }

    fn socket(&self) -> PathBuf {
        self.directory().join("socket")
    }

    fn call<A: Message + Default>(&self, method: &str, message: &impl Message) -> Result<A> {
        grpc::call(&self.socket(), &format!("runtime.v1.{method}"), message)
    }

    /// Makes the control groups of a pod and returns one of them.
    fn hold_groups(&self, uid: &str) -> Result<PathBuf> {
        let groups = self.cgroups.of_pod(uid)?;
        let path = groups.first().context("no control groups")?.path().to_owned();
        groups.into_iter().try_for_each(|group| self.hold(group))?;
        Ok(path)
    }

    /// Keeps a group until the end, and has the keeper end what is in it.
    fn hold(&self, group: Cgroup) -> Result<()> {
        let mut groups = self.groups.lock().map_err(|_| anyhow!("a test has panicked"))?;
        let list = self.directory().join("groups");
        let mut list = OpenOptions::new().create(true).append(true).open(list)?;
        writeln!(list, "{}", group.path().display())?;
        groups.push(group);
        Ok(())
    }

    fn wait_until_ready(&self) -> Result<()> {
        let is_ready = || {
            let Ok(answer) = self.call::<cri::RuntimeStatus>("RuntimeService/Status", &cri::Empty {}) else {
                return Ok(false);
            };
            let conditions = answer.status.unwrap_or_default().conditions;
            Ok(!conditions.is_empty() && conditions.iter().all(|condition| condition.is_met))
        };
        eventually(START, is_ready).with_context(|| format!("containerd is not ready: {}", self.log()))
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        drop(self.keeper.child().stdin.take());
        if let Err(error) = self.keeper.wait(END) {
            eprintln!("the end of containerd: {error:#}");
        }
    }
}

/// A program that `scripts/tools.sh` has fetched.
fn tool(name: &str) -> Result<PathBuf> {
    tools::tool(&format!("containerd/{name}"))
}

fn keeper(directory: &Path, name: &str, group: &Cgroup, cgroups: Cgroups) -> Result<Command> {
    let containerd = tool("containerd")?;
    let mut path = OsString::from(containerd.parent().context("a directory of tools")?);
    path.push(":");
    path.push(std::env::var_os("PATH").context("PATH is not set")?);
    let mut command = Command::new("sh");
    command
        .args(["-c", include_str!("keeper.sh"), "keeper"])
        .arg(directory)
        .arg(name)
        .arg(group.path())
        .arg(cgroups.mounts())
        .arg(&containerd)
        .arg("--config")
        .arg(directory.join("config.toml"))
        .env("PATH", path)
        .stdin(Stdio::piped());
    Ok(command)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::lab::apiserver::new_uid;

    #[test]
    fn nothing_is_left_of_it_and_of_a_pod_that_nobody_has_removed() {
        let containerd = Containerd::start(Cgroups::V2).unwrap();
        let pod = containerd.run(PodSpec::new("shop", "till", &new_uid())).unwrap();
        let id = pod.start(&Container::pod(1, 1, 1)).unwrap();
        let mut traces: Vec<_> = containerd
            .groups
            .lock()
            .unwrap()
            .iter()
            .map(|it| it.path().to_owned())
            .collect();
        traces.push(format!("/proc/{}", pod.pid(&id).unwrap()).into());
        traces.push(containerd.directory().to_owned());
        let name = traces[0].file_name().unwrap().to_owned();
        traces.push(Path::new("/sys/class/net").join(name));
        for trace in &traces {
            assert!(trace.exists(), "{}", trace.display());
        }
        // As if the test had been killed.
        std::mem::forget(pod);
        drop(containerd);
        for trace in traces {
            // Whoever inherits a killed process reaps it a moment later.
            let gone = eventually(END, || Ok(!trace.exists()));
            gone.with_context(|| trace.display().to_string()).unwrap();
        }
    }
}
