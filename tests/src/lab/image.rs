//! The container image.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::lab::command::output;
use crate::lab::netns::Netns;
use crate::lab::tools::{Found, found_once, workspace_root};

const NAME: &str = "kubeskoop-exporter";

/// The archive that `make image` leaves, which is made if it is not there.
///
/// One that is there is taken as it is: whoever runs the tests makes the image first.
pub fn archive() -> Result<PathBuf> {
    static FOUND: Found = Found::new();
    found_once(&FOUND, find)
}

fn find() -> Result<PathBuf> {
    let root = workspace_root()?;
    let archive = root.join("target/image").join(NAME).with_extension("tar");
    if !archive.is_file() {
        output(Command::new("make").arg("image").current_dir(root))?;
    }
    Ok(archive)
}

/// Makes another image of the binary in `directory`, with no network to ask.
pub fn assemble(directory: &Path) -> Result<Image> {
    let script = workspace_root()?.join("scripts/image.sh");
    output(Command::new("unshare").arg("--net").arg(script).arg(directory))?;
    Image::open(&directory.join(NAME).with_extension("tar"))
}

/// An image of one manifest, as an archive in OCI's layout holds it.
#[derive(Debug)]
pub struct Image {
    _directory: TempDir,
    id: String,
    config: Value,
    layers: Vec<PathBuf>,
}

impl Image {
    /// The one that `make image` makes.
    pub fn built() -> Result<Self> {
        Self::open(&archive()?)
    }

    fn open(archive: &Path) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        unpack(archive, directory.path())?;
        let index = read(&directory.path().join("index.json"))?;
        let manifests = index["manifests"].as_array().context("an index of manifests")?;
        ensure!(manifests.len() == 1, "{index}");
        let manifest = read(&blob(directory.path(), &manifests[0])?)?;
        let layers = manifest["layers"].as_array().context("a list of layers")?;
        let config = &manifest["config"];
        Ok(Self {
            id: config["digest"].as_str().context("no id")?.to_owned(),
            config: read(&blob(directory.path(), config)?)?,
            layers: layers
                .iter()
                .map(|layer| blob(directory.path(), layer))
                .collect::<Result<_>>()?,
            _directory: directory,
        })
    }

    /// What container runtimes call it by.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it says of itself.
    pub fn config(&self) -> &Value {
        &self.config
    }

    /// Every entry of every layer: mode, owner and path.
    pub fn entries(&self) -> Result<Vec<String>> {
        let mut entries = Vec::new();
        for layer in &self.layers {
            let list = Command::new("tar")
                .args(["--list", "--verbose", "--numeric-owner", "--gzip", "--file"])
                .arg(layer)
                .output()?;
            ensure!(list.status.success(), "{list:?}");
            for line in String::from_utf8(list.stdout)?.lines() {
                let words: Vec<_> = line.split_whitespace().collect();
                ensure!(words.len() >= 6, "{line}");
                entries.push(format!("{} {} {}", words[0], words[1], words[5..].join(" ")));
            }
        }
        Ok(entries)
    }

    /// Its files, unpacked.
    pub fn root(&self) -> Result<Root> {
        let directory = tempfile::tempdir()?;
        for layer in &self.layers {
            unpack(layer, directory.path())?;
        }
        Ok(Root { directory })
    }
}

fn unpack(archive: &Path, directory: &Path) -> Result<()> {
    let mut tar = Command::new("tar");
    tar.arg("--extract").arg("--file").arg(archive);
    output(tar.arg("--directory").arg(directory))?;
    Ok(())
}

fn read(file: &Path) -> Result<Value> {
    let text = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_slice(&text).with_context(|| file.display().to_string())
}

fn blob(directory: &Path, descriptor: &Value) -> Result<PathBuf> {
    let digest = descriptor["digest"].as_str().context("no digest")?;
    Ok(directory.join("blobs").join(digest.replace(':', "/")))
}

/// The root directory of a container of the image. Nothing is mounted on it outside of the mount
/// namespaces of those that enter it.
#[derive(Debug)]
pub struct Root {
    directory: TempDir,
}

impl Root {
    /// A path within it, as others see it.
    pub fn path(&self, inside: &str) -> PathBuf {
        self.directory.path().join(inside.trim_start_matches('/'))
    }

    /// Adds a file of those that a container runtime mounts.
    pub fn add(&self, file: &str, text: &str) -> Result<()> {
        let path = self.path(file);
        fs::create_dir_all(path.parent().context("no file")?)?;
        Ok(fs::write(path, text)?)
    }

    /// The words that run a program of it, with the mounts a container runtime makes, and so that
    /// nothing can be written to it.
    pub fn enter(&self, netns: &Netns) -> Vec<String> {
        let script = "mount --bind \"$0\" \"$0\"; mkdir -p \"$0/proc\" \"$0/sys\"; \
                      mount -t proc proc \"$0/proc\"; mount --rbind /sys \"$0/sys\"; \
                      mount -o remount,bind,ro \"$0\"; exec chroot \"$0\" \"$@\"";
        let mut words = Vec::from(netns.prefix());
        words.extend(["unshare", "--mount", "bash", "-ec", script].map(str::to_owned));
        words.push(self.directory.path().display().to_string());
        words
    }
}
