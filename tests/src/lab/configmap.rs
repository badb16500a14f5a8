//! A `ConfigMap` volume as kubelet lays it out.

use std::borrow::Cow;
use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use tempfile::TempDir;

/// The name of the file in the volume.
const FILE: &str = "config.yaml";

/// How BPF programs are to be hooked (`bpfHooks`) by exporters whose configuration does not say it.
const HOOKS: &str = "KSK_BPF_HOOKS";

/// A directory that holds one file by way of two symbolic links:
/// `config.yaml -> ..data/config.yaml`, `..data -> ..<timestamp>`. It is updated as kubelet does
/// it (its atomic writer): readers see the old file or the new one. Removed when dropped.
#[derive(Debug)]
pub struct ConfigMap {
    directory: TempDir,
    /// The name of the directory that `..data` points to.
    current: String,
}

impl ConfigMap {
    /// Mounts a `ConfigMap` with the text of `config.yaml`.
    pub fn new(yaml: &str) -> Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix("ksk-configmap-")
            // Readable for an exporter that runs as another user.
            .permissions(Permissions::from_mode(0o755))
            .tempdir()
            .context("cannot make a temporary directory")?;
        let current = publish(directory.path(), yaml)?;
        link(Path::new("..data").join(FILE), &directory.path().join(FILE))?;
        Ok(Self { directory, current })
    }

    /// One without text where `bpfHooks` is to be added, and nothing where the defaults are to hold.
    pub fn of_defaults() -> Result<Option<Self>> {
        env::var_os(HOOKS).map(|_| Self::new("")).transpose()
    }

    /// Replaces the text, as kubelet does after the `ConfigMap` has changed.
    pub fn swap(&mut self, yaml: &str) -> Result<()> {
        let old = std::mem::replace(&mut self.current, publish(self.directory.path(), yaml)?);
        let old = self.directory.path().join(old);
        fs::remove_dir_all(&old).with_context(|| format!("cannot remove {}", old.display()))
    }

    /// The path of `config.yaml`, of which two parts are symbolic links.
    pub fn path(&self) -> PathBuf {
        self.directory.path().join(FILE)
    }

    /// The directory the `ConfigMap` is mounted on.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }
}

/// Writes the text to a new directory, points `..data` to it and returns its name.
fn publish(directory: &Path, yaml: &str) -> Result<String> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .context("the clock is before 1970")?;
    let name = format!("..{}.{:09}", now.as_secs(), now.subsec_nanos());
    let new = directory.join(&name);
    fs::create_dir(&new).with_context(|| format!("cannot make {}", new.display()))?;
    let file = new.join(FILE);
    let hooks = env::var(HOOKS).ok();
    fs::write(&file, with_hooks(yaml, hooks.as_deref()).as_bytes())
        .with_context(|| format!("cannot write {}", file.display()))?;

    let data = directory.join("..data");
    let temporary = directory.join("..data_tmp");
    link(&name, &temporary)?;
    fs::rename(&temporary, &data).with_context(|| format!("cannot replace {}", data.display()))?;
    Ok(name)
}

/// The text with `bpfHooks`, unless it has that key.
fn with_hooks<'a>(yaml: &'a str, hooks: Option<&str>) -> Cow<'a, str> {
    let says_it = || yaml.lines().any(|line| line.starts_with("bpfHooks:"));
    match hooks {
        Some(hooks) if !says_it() => format!("bpfHooks: {hooks}\n{yaml}").into(),
        _ => yaml.into(),
    }
}

fn link(target: impl AsRef<Path>, name: &Path) -> Result<()> {
    symlink(target, name).with_context(|| format!("cannot link {}", name.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeSet;

    use super::*;

    fn names(directory: &Path) -> BTreeSet<String> {
        fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn is_laid_out_like_a_volume() {
        let map = ConfigMap::new("interval: 1s\n").unwrap();
        assert_eq!(fs::read_to_string(map.path()).unwrap(), "interval: 1s\n");
        assert_eq!(
            fs::read_link(map.path()).unwrap(),
            Path::new("..data/config.yaml")
        );
        let data = fs::read_link(map.directory().join("..data")).unwrap();
        assert_eq!(data, Path::new(&map.current));
        let expected = ["..data", FILE, &map.current].map(str::to_owned);
        assert_eq!(names(map.directory()), BTreeSet::from(expected));
    }

    #[test]
    fn a_swap_replaces_the_directory() {
        let mut map = ConfigMap::new("one").unwrap();
        let old = map.current.clone();
        for text in ["two", "three"] {
            map.swap(text).unwrap();
            assert_eq!(fs::read_to_string(map.path()).unwrap(), text);
        }
        assert_ne!(map.current, old);
        let expected = ["..data", FILE, &map.current].map(str::to_owned);
        assert_eq!(names(map.directory()), BTreeSet::from(expected));
    }

    #[test]
    fn hooks_are_added_where_the_text_does_not_say_them() {
        assert_eq!(with_hooks("interval: 0\n", None), "interval: 0\n");
        assert_eq!(
            with_hooks("interval: 0\n", Some("kprobe")),
            "bpfHooks: kprobe\ninterval: 0\n"
        );
        assert_eq!(with_hooks("bpfHooks: auto\n", Some("kprobe")), "bpfHooks: auto\n");
    }

    #[test]
    fn others_may_read_it() {
        let map = ConfigMap::new("one").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(map.directory()), 0o755);
        assert_eq!(mode(&map.path()) & 0o444, 0o444);
    }

    #[test]
    fn drop_removes_it() {
        let map = ConfigMap::new("one").unwrap();
        let directory = map.directory().to_owned();
        drop(map);
        assert!(!directory.exists());
    }
}
