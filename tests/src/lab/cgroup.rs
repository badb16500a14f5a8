//! Control groups made for a test.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::lab::wait::eventually;

/// How long processes may take to leave a cgroup that is to be removed.
const REMOVAL: Duration = Duration::from_secs(2);

/// How many guards use each directory made here. Tests run side by side in one process and share
/// parents such as `kubepods`: the last one removes them.
static MADE: Mutex<BTreeMap<PathBuf, usize>> = Mutex::new(BTreeMap::new());

/// A chain of cgroup directories; those it made are removed when it is dropped.
#[derive(Debug)]
pub struct Cgroup {
    path: PathBuf,
    /// The directories of the chain that were made here, the topmost first.
    held: Vec<PathBuf>,
}

impl Cgroup {
    /// Makes `relative_path` in the unified hierarchy, parents included.
    pub fn new(relative_path: impl AsRef<Path>) -> Result<Self> {
        let mounts = read_mounts()?;
        let root = unified_mount(&mounts).context("no cgroup2 hierarchy is mounted")?;
        Self::under(&root, relative_path.as_ref())
    }

    /// Makes `relative_path` in the version 1 hierarchy of a controller (`pids`) or of a name
    /// (`systemd`), parents included.
    pub fn v1(controller: &str, relative_path: impl AsRef<Path>) -> Result<Self> {
        let mounts = read_mounts()?;
        let root = controller_mount(&mounts, controller)
            .with_context(|| format!("no cgroup hierarchy of {controller} is mounted"))?;
        Self::under(&root, relative_path.as_ref())
    }

    /// Makes `relative_path` in every hierarchy of version 1 and in the unified one, parents included,
    /// as a container runtime does.
    pub fn everywhere(relative_path: impl AsRef<Path>) -> Result<Vec<Self>> {
        let mountinfo = read_mounts()?;
        mounts(&mountinfo)
            .filter(|mount| matches!(mount.kind, "cgroup" | "cgroup2"))
            .map(|mount| Self::under(Path::new(mount.point), relative_path.as_ref()))
            .collect()
    }

    /// Whether a hierarchy of version 1 is mounted.
    pub fn has_version_one() -> Result<bool> {
        Ok(mounts(&read_mounts()?).any(|mount| mount.kind == "cgroup"))
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Moves the process `pid`, with all its threads, into the cgroup.
    pub fn add(&self, pid: u32) -> Result<()> {
        let file = self.path.join("cgroup.procs");
        fs::write(&file, pid.to_string()).with_context(|| format!("cannot write {pid} to {}", file.display()))
    }

    fn under(root: &Path, relative_path: &Path) -> Result<Self> {
        // Made first, so that a failure half way removes what there is.
        let mut cgroup = Self {
            path: root.to_owned(),
            held: Vec::new(),
        };
        for component in relative_path.components() {
            match component {
                Component::Normal(name) => cgroup.path.push(name),
                Component::RootDir | Component::CurDir => continue,
                Component::ParentDir | Component::Prefix(_) => {
                    bail!("{} is no path of a cgroup", relative_path.display())
                }
            }
            cgroup.hold()?;
        }
        if cgroup.path == root {
            bail!("the root cgroup is not for tests");
        }
        Ok(cgroup)
    }

    /// Makes the directory `path`, or joins those who use one made here.
    fn hold(&mut self) -> Result<()> {
        let mut made = made();
        match fs::create_dir(&self.path) {
            Ok(()) => {
                made.insert(self.path.clone(), 1);
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let Some(users) = made.get_mut(&self.path) else {
                    return Ok(());
                };
                *users += 1;
            }
            Err(error) => {
                return Err(error).with_context(|| format!("cannot make {}", self.path.display()));
            }
        }
        self.held.push(self.path.clone());
        Ok(())
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        {
            let mut made = made();
            for path in &self.held {
                if let Some(users) = made.get_mut(path) {
                    *users -= 1;
                }
            }
        }
        for path in self.held.iter().rev() {
            if let Err(error) = eventually(REMOVAL, || remove(path)) {
                eprintln!("cannot remove the cgroup {}: {error:#}", path.display());
            }
        }
    }
}

/// Removes a directory made here unless somebody uses it (again); false while it is busy.
fn remove(path: &Path) -> Result<bool> {
    let mut made = made();
    if made.get(path) != Some(&0) {
        return Ok(true);
    }
    match fs::remove_dir(path) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::ResourceBusy | ErrorKind::DirectoryNotEmpty
            ) =>
        {
            return Ok(false);
        }
        Err(error) => return Err(error.into()),
    }
    made.remove(path);
    Ok(true)
}

fn made() -> MutexGuard<'static, BTreeMap<PathBuf, usize>> {
    MADE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read_mounts() -> Result<String> {
    fs::read_to_string("/proc/self/mountinfo").context("cannot read /proc/self/mountinfo")
}

/// Where the unified hierarchy is mounted.
fn unified_mount(mountinfo: &str) -> Option<PathBuf> {
    mounts(mountinfo)
        .find(|mount| mount.kind == "cgroup2")
        .map(|mount| mount.point.into())
}

/// Where the version 1 hierarchy with this controller, or of this name, is mounted.
fn controller_mount(mountinfo: &str, controller: &str) -> Option<PathBuf> {
    mounts(mountinfo)
        .filter(|mount| mount.kind == "cgroup")
        .find(|mount| {
            mount
                .options
                .split(',')
                .any(|option| option == controller || option.strip_prefix("name=") == Some(controller))
        })
        .map(|mount| mount.point.into())
}

/// One line of mountinfo.
struct Mount<'a> {
    point: &'a str,
    kind: &'a str,
    options: &'a str,
}

fn mounts(mountinfo: &str) -> impl Iterator<Item = Mount<'_>> {
    mountinfo.lines().filter_map(|line| {
        let (mount, filesystem) = line.split_once(" - ")?;
        let mut filesystem = filesystem.split(' ');
        Some(Mount {
            point: mount.split(' ').nth(4)?,
            kind: filesystem.next()?,
            options: filesystem.nth(1)?,
        })
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::process::Command;

    use super::*;
    use crate::lab::process::Guard;

    const HYBRID: &str = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";

    /// A name that no other process uses.
    fn unique(name: &str) -> String {
        format!("ksk-{}-{name}", std::process::id())
    }

    fn sleeper() -> Guard {
        Guard::spawn(Command::new("sleep").arg("60")).unwrap()
    }

    #[test]
    fn finds_the_hierarchies() {
        assert_eq!(unified_mount(HYBRID), Some("/sys/fs/cgroup/unified".into()));
        assert_eq!(
            controller_mount(HYBRID, "cpuacct"),
            Some("/sys/fs/cgroup/cpu,cpuacct".into())
        );
        assert_eq!(
            controller_mount(HYBRID, "systemd"),
            Some("/sys/fs/cgroup/systemd".into())
        );
        assert_eq!(controller_mount(HYBRID, "rw,cpu"), None);
        assert_eq!(controller_mount(HYBRID, "pids"), None);
    }

    #[test]
    fn a_process_is_in_it() {
        let sleeper = sleeper();
        let name = unique("member");
        let cgroup = Cgroup::new(format!("{name}/pod1")).unwrap();
        cgroup.add(sleeper.pid()).unwrap();
        let lines = fs::read_to_string(format!("/proc/{}/cgroup", sleeper.pid())).unwrap();
        assert!(
            lines.lines().any(|line| line == format!("0::/{name}/pod1")),
            "{lines}"
        );
        let top = cgroup.path().parent().unwrap().to_owned();
        assert!(top.ends_with(&name) && top.exists());
        drop(sleeper);
        drop(cgroup);
        assert!(!top.exists());
    }

    #[test]
    fn waits_for_processes_to_leave() {
        let mut sleeper = sleeper();
        let cgroup = Cgroup::new(unique("leaving")).unwrap();
        cgroup.add(sleeper.pid()).unwrap();
        let path = cgroup.path().to_owned();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                std::thread::sleep(Duration::from_millis(200));
                sleeper.kill().unwrap();
            });
            drop(cgroup);
        });
        assert!(!path.exists());
    }

    #[test]
    fn the_last_user_removes_a_shared_parent() {
        let name = unique("shared");
        let one = Cgroup::new(format!("{name}/one")).unwrap();
        let two = Cgroup::new(format!("/{name}/two")).unwrap();
        let top = one.path().parent().unwrap().to_owned();
        let one_path = one.path().to_owned();
        drop(one);
        assert!(!one_path.exists() && two.path().exists());
        drop(two);
        assert!(!top.exists());
    }

    #[test]
    fn leaves_directories_of_others() {
        let top = unified_mount(&read_mounts().unwrap())
            .unwrap()
            .join(unique("others"));
        fs::create_dir(&top).unwrap();
        drop(Cgroup::new(format!("{}/mine", unique("others"))).unwrap());
        assert_eq!(
            fs::read_dir(&top)
                .unwrap()
                .filter(|e| e.as_ref().unwrap().path().is_dir())
                .count(),
            0
        );
        fs::remove_dir(&top).unwrap();
    }

    #[test]
    fn version_one_too() {
        let mounts = read_mounts().unwrap();
        if controller_mount(&mounts, "pids").is_none() {
            eprintln!("skipped: no cgroup hierarchy of pids on this machine");
            return;
        }
        let sleeper = sleeper();
        let name = unique("v1");
        let cgroup = Cgroup::v1("pids", &name).unwrap();
        cgroup.add(sleeper.pid()).unwrap();
        let lines = fs::read_to_string(format!("/proc/{}/cgroup", sleeper.pid())).unwrap();
        assert!(
            lines
                .lines()
                .any(|line| line.ends_with(&format!(":pids:/{name}"))),
            "{lines}"
        );
        let path = cgroup.path().to_owned();
        drop(sleeper);
        drop(cgroup);
        assert!(!path.exists());
    }

    #[test]
    fn refuses_to_climb_and_the_root() {
        assert!(Cgroup::new("../elsewhere").is_err());
        assert!(Cgroup::new("/").is_err());
    }
}
