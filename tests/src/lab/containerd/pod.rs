//! Pods, as a kubelet has a container runtime run them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::cri::{self, Namespace, Profile};
use super::{Containerd, IMAGE, cgroups};

/// What a pod is.
#[derive(Clone, Debug)]
pub struct PodSpec {
    /// Its namespace of Kubernetes.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// It is in the host's network namespace.
    pub host_network: bool,
    /// It is in the process namespace that containerd is in.
    pub host_pid: bool,
}

impl PodSpec {
    /// A pod with namespaces of its own.
    pub fn new(namespace: &str, name: &str, uid: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            uid: uid.to_owned(),
            host_network: false,
            host_pid: false,
        }
    }

    /// The same in the host's network namespace.
    #[must_use]
    pub fn on_host_network(mut self) -> Self {
        self.host_network = true;
        self
    }
}

/// What a container is.
#[derive(Clone, Debug)]
pub struct Container {
    /// The name.
    pub name: String,
    /// The name of the image.
    pub image: String,
    /// The program instead of the image's.
    pub command: Vec<String>,
    /// The arguments of the program.
    pub args: Vec<String>,
    /// The environment.
    pub environment: Vec<(String, String)>,
    /// What it sees of the machine's files.
    pub mounts: Vec<Mount>,
    /// What it may do.
    pub security: Security,
}

/// A file or directory that a container has.
#[derive(Clone, Debug)]
pub struct Mount {
    /// Where it is on the machine.
    pub from: String,
    /// Where the container has it.
    pub to: String,
    /// It may not be written.
    pub read_only: bool,
}

/// What a container may do. By default as much as one without a `securityContext`.
#[derive(Clone, Debug, Default)]
pub struct Security {
    /// Capabilities beside the runtime's default ones, without `CAP_`.
    pub add: Vec<String>,
    /// Capabilities it does not have; `ALL` for none but the added ones.
    pub drop: Vec<String>,
    /// The runtime's seccomp profile applies.
    pub seccomp: bool,
    /// Its root file system is read only.
    pub read_only_root: bool,
    /// No program gives it more privileges.
    pub no_new_privileges: bool,
}

impl Container {
    /// A container of `tests/helpers/pod.c`.
    pub fn pod(files: usize, datagrams: usize, writes: usize) -> Self {
        Self {
            name: "work".to_owned(),
            image: IMAGE.to_owned(),
            command: Vec::new(),
            args: [files, datagrams, writes]
                .map(|number| number.to_string())
                .to_vec(),
            environment: Vec::new(),
            mounts: Vec::new(),
            security: Security::default(),
        }
    }
}

/// A running pod; stopped and removed when dropped.
#[derive(Debug)]
pub struct Pod<'a> {
    containerd: &'a Containerd,
    spec: PodSpec,
    sandbox: String,
    /// Its control group, in one of the hierarchies.
    group: PathBuf,
    config: cri::SandboxConfig,
}

impl<'a> Pod<'a> {
    pub(super) fn run(containerd: &'a Containerd, spec: PodSpec) -> Result<Self> {
        let group = containerd.hold_groups(&spec.uid)?;
        let logs = containerd.directory().join("logs").join(&spec.uid);
        fs::create_dir_all(&logs)?;
        let config = sandbox_config(&spec, &logs.to_string_lossy());
        let request = cri::RunSandbox {
            config: Some(config.clone()),
        };
        let answer: cri::Id = containerd
            .call("RuntimeService/RunPodSandbox", &request)
            .with_context(|| format!("the pod {}", spec.name))?;
        Ok(Self {
            containerd,
            spec,
            sandbox: answer.id,
            group,
            config,
        })
    }

    /// What it is.
    pub fn spec(&self) -> &PodSpec {
        &self.spec
    }

    /// Its address; empty with `host_network`.
    pub fn ip(&self) -> Result<String> {
        let answer: cri::SandboxStatusAnswer = self
            .containerd
            .call("RuntimeService/PodSandboxStatus", &id(&self.sandbox))?;
        Ok(answer
            .status
            .and_then(|status| status.network)
            .unwrap_or_default()
            .ip)
    }

    /// Starts a container in it and returns the container's id.
    pub fn start(&self, container: &Container) -> Result<String> {
        let request = cri::CreateContainer {
            sandbox: self.sandbox.clone(),
            config: Some(container_config(&self.spec, container)),
            sandbox_config: Some(self.config.clone()),
        };
        let created: cri::Id = self.containerd.call("RuntimeService/CreateContainer", &request)?;
        let started: Result<cri::Empty> = self
            .containerd
            .call("RuntimeService/StartContainer", &id(&created.id));
        started.with_context(|| format!("the container {} of {}", container.name, self.spec.name))?;
        Ok(created.id)
    }

    /// The process id, on the machine, of the only process of a container.
    pub fn pid(&self, container: &str) -> Result<u32> {
        let pids = processes_of(&self.group.join(container))?;
        ensure!(pids.len() == 1, "{pids:?} are in {container}");
        Ok(pids[0])
    }

    /// The process ids, on the machine, of all its processes.
    pub fn pids(&self) -> Result<Vec<u32>> {
        let mut pids = Vec::new();
        for entry in fs::read_dir(&self.group)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                pids.extend(processes_of(&entry.path())?);
            }
        }
        Ok(pids)
    }

    /// What a container has written, each line after its time.
    pub fn log(&self, container: &str) -> String {
        let file = self
            .containerd
            .directory()
            .join("logs")
            .join(&self.spec.uid)
            .join(container);
        fs::read_to_string(file).unwrap_or_default()
    }

    fn remove(&self) -> Result<()> {
        for method in ["StopPodSandbox", "RemovePodSandbox"] {
            let method = format!("RuntimeService/{method}");
            let _: cri::Empty = self.containerd.call(&method, &id(&self.sandbox))?;
        }
        Ok(())
    }
}

impl Drop for Pod<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.remove() {
            eprintln!("cannot remove the pod {}: {error:#}", self.spec.name);
        }
    }
}

fn id(id: &str) -> cri::Id {
    cri::Id { id: id.to_owned() }
}

/// The processes in a control group, without those in groups below.
fn processes_of(group: &Path) -> Result<Vec<u32>> {
    let text = fs::read_to_string(group.join("cgroup.procs")).with_context(|| group.display().to_string())?;
    text.lines().map(|pid| Ok(pid.parse()?)).collect()
}

fn namespaces(spec: &PodSpec) -> cri::NamespaceOption {
    let one = |is_node, otherwise| if is_node { Namespace::Node } else { otherwise } as i32;
    cri::NamespaceOption {
        network: one(spec.host_network, Namespace::Pod),
        pid: one(spec.host_pid, Namespace::Container),
        ipc: Namespace::Pod as i32,
    }
}

fn sandbox_config(spec: &PodSpec, logs: &str) -> cri::SandboxConfig {
    cri::SandboxConfig {
        metadata: Some(cri::SandboxMetadata {
            name: spec.name.clone(),
            uid: spec.uid.clone(),
            namespace: spec.namespace.clone(),
            attempt: 0,
        }),
        hostname: if spec.host_network {
            String::new()
        } else {
            spec.name.clone()
        },
        log_directory: logs.to_owned(),
        // Without, the machine's own file is copied, which may be a link to one that is hidden.
        dns: Some(cri::Dns {
            options: vec!["ndots:5".to_owned()],
        }),
        linux: Some(cri::SandboxLinux {
            cgroup_parent: cgroups::path(&spec.uid),
            security: Some(cri::SandboxSecurity {
                namespaces: Some(namespaces(spec)),
                seccomp: Some(profile(true)),
            }),
        }),
    }
}

fn profile(is_default: bool) -> cri::SecurityProfile {
    let kind = if is_default {
        Profile::RuntimeDefault
    } else {
        Profile::Unconfined
    };
    cri::SecurityProfile { kind: kind as i32 }
}

fn container_config(spec: &PodSpec, container: &Container) -> cri::ContainerConfig {
    let variable = |(key, value): &(String, String)| cri::Variable {
        key: key.clone(),
        value: value.clone(),
    };
    let mount = |mount: &Mount| cri::Mount {
        container_path: mount.to.clone(),
        host_path: mount.from.clone(),
        read_only: mount.read_only,
    };
    cri::ContainerConfig {
        metadata: Some(cri::ContainerMetadata {
            name: container.name.clone(),
            attempt: 0,
        }),
        image: Some(cri::Image {
            image: container.image.clone(),
        }),
        command: container.command.clone(),
        args: container.args.clone(),
        environment: container.environment.iter().map(variable).collect(),
        mounts: container.mounts.iter().map(mount).collect(),
        log_path: container.name.clone(),
        linux: Some(cri::ContainerLinux {
            security: Some(security(spec, &container.security)),
        }),
    }
}

fn security(spec: &PodSpec, security: &Security) -> cri::ContainerSecurity {
    cri::ContainerSecurity {
        capabilities: Some(cri::Capabilities {
            add: security.add.clone(),
            drop: security.drop.clone(),
        }),
        namespaces: Some(namespaces(spec)),
        read_only_root: security.read_only_root,
        no_new_privileges: security.no_new_privileges,
        // Those that the kubelet asks for unless told otherwise.
        masked_paths: MASKED.map(str::to_owned).to_vec(),
        read_only_paths: READ_ONLY.map(str::to_owned).to_vec(),
        seccomp: Some(profile(security.seccomp)),
    }
}

const MASKED: [&str; 10] = [
    "/proc/asound",
    "/proc/acpi",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
];

const READ_ONLY: [&str; 5] = [
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
];
