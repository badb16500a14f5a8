//! The exporter as a container.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{Container, Containerd, Mount, Pod, PodSpec, kubelet};
use crate::lab::apiserver::InCluster;
use crate::lab::exporter::Endpoint;
use crate::lab::http::Response;
use crate::lab::kustomize::Objects;
use crate::lab::metrics::Metrics;
use crate::lab::tools::workspace_root;
use crate::lab::wait::eventually;

/// The name of the image in every containerd.
const IMAGE: &str = "localhost/exporter:1";

/// How long it may take until it listens.
const START: Duration = Duration::from_secs(15);

/// How long the first collection may take.
const FIRST_COLLECTION: Duration = Duration::from_secs(15);

/// An exporter in a container of the built image; ended and removed when dropped.
#[derive(Debug)]
pub struct PodExporter<'a> {
    pod: Pod<'a>,
    container: String,
    endpoint: Endpoint,
}

/// How an exporter in a container differs from what the manifests say.
#[derive(Debug, Default)]
pub struct Options {
    /// The configuration file's text.
    pub config: String,
    /// Arguments after those of the manifests.
    pub args: Vec<String>,
    /// Variables of the environment.
    pub environment: Vec<(String, String)>,
    /// Files and directories.
    pub mounts: Vec<Mount>,
}

impl Options {
    /// A configuration and nothing else.
    pub fn config(text: &str) -> Self {
        Self {
            config: text.to_owned(),
            ..Self::default()
        }
    }

    /// With a service account, which leads to an API server.
    #[must_use]
    pub fn account(mut self, account: &InCluster) -> Self {
        self.environment.extend(account.environment());
        self.mounts.push(Mount {
            from: account.path().to_string_lossy().into_owned(),
            to: "/var/run/secrets/kubernetes.io/serviceaccount".to_owned(),
            read_only: true,
        });
        self
    }
}

impl<'a> PodExporter<'a> {
    /// Starts the image as rendered manifests say, on a port of its own, and waits until it listens.
    pub fn start(
        containerd: &'a Containerd,
        manifests: &Objects,
        uid: &str,
        options: Options,
    ) -> Result<Self> {
        containerd.import(&archive()?, IMAGE)?;
        let spec = kubelet::pod(manifests, "exporter", uid)?;
        let mut container = kubelet::container(manifests, IMAGE, "node", uid)?;
        container
            .args
            .extend(["--bind".to_owned(), "127.0.0.1:0".to_owned()]);
        container.args.extend(options.args);
        container.environment.extend(options.environment);
        container
            .mounts
            .push(config(containerd, manifests, uid, &options.config)?);
        container.mounts.extend(options.mounts);
        Self::run(containerd, spec, &container)
    }

    fn run(containerd: &'a Containerd, spec: PodSpec, container: &Container) -> Result<Self> {
        let pod = containerd.run(spec)?;
        let id = pod.start(container)?;
        let mut endpoint = None;
        eventually(START, || {
            endpoint = Endpoint::last_in(&pod.log(&container.name));
            Ok(endpoint.is_some())
        })
        .with_context(|| pod.log(&container.name))?;
        Ok(Self {
            endpoint: endpoint.context("no address")?,
            pod,
            container: id,
        })
    }

    /// Its process id on the machine.
    pub fn pid(&self) -> Result<u32> {
        self.pod.pid(&self.container)
    }

    /// Its pod.
    pub fn pod(&self) -> &Pod<'a> {
        &self.pod
    }

    /// What it has written.
    pub fn log(&self) -> String {
        self.pod.log("exporter")
    }

    /// GETs `path`.
    pub fn get(&self, path: &str) -> Result<Response> {
        self.endpoint.get(path, &[])
    }

    /// Waits until it has collected once.
    pub fn wait_until_ready(&self) -> Result<()> {
        eventually(FIRST_COLLECTION, || Ok(self.get("/readyz")?.status == 200))
            .with_context(|| format!("it is not ready, log:\n{}", self.log()))
    }

    /// GETs `/metrics` and reads it strictly.
    pub fn scrape(&self) -> Result<Metrics> {
        let response = self.get("/metrics")?;
        ensure!(response.status == 200, "{}: {}", response.status, response.body);
        Metrics::parse(&response.body)
    }

    /// What a path says in JSON.
    pub fn json(&self, path: &str) -> Result<Value> {
        serde_json::from_str(&self.get(path)?.body).with_context(|| format!("GET {path}"))
    }
}

/// What `make image` has built.
fn archive() -> Result<PathBuf> {
    let archive = workspace_root()?.join("target/image/kubeskoop-exporter.tar");
    ensure!(
        archive.is_file(),
        "{} is missing: run make image",
        archive.display()
    );
    Ok(archive)
}

/// The directory with the configuration, where the manifests mount it.
fn config(containerd: &Containerd, manifests: &Objects, uid: &str, text: &str) -> Result<Mount> {
    let mounts = &manifests.container()?["volumeMounts"];
    let config = mounts
        .as_array()
        .into_iter()
        .flatten()
        .find(|it| it["name"] == "config");
    let to = config
        .and_then(|it| it["mountPath"].as_str())
        .context("no mount of config")?;
    let from = containerd.directory().join(format!("config-{uid}"));
    fs::create_dir_all(&from)?;
    fs::write(from.join("config.yaml"), text)?;
    Ok(Mount {
        from: from.to_string_lossy().into_owned(),
        to: to.to_owned(),
        read_only: true,
    })
}
