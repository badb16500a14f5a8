//! Every process with its network namespace, kept from scan to scan so that most are not read again.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::ScanProblem;
use super::process::{NetnsId, Process};
use crate::kernel::own_process::{since_boot_now, ticks_to_duration};
use crate::kernel::procfs::cgroup::{self, CgroupOwner};
use crate::kernel::procfs::{ProcFs, stat};

/// `ip netns exec`, systemd and runc move a process after its fork: below this age it is read
/// again at each scan.
const YOUNG: Duration = Duration::from_secs(30);
/// Within this time every process is read again.
const ROTATION: Duration = Duration::from_mins(1);

/// A process of the table.
#[derive(Debug)]
struct Known {
    process: Process,
    /// Inode of its directory in proc: another process with this pid has another one.
    directory: u64,
    denied: bool,
}

/// The processes of the node.
#[derive(Debug)]
pub struct ProcessTable {
    procfs: ProcFs,
    own_pod: Option<String>,
    processes: FxHashMap<u32, Known>,
    last_scan: Duration,
}

impl ProcessTable {
    /// An empty table over `procfs`. `own_pod` is the UID of the pod of this process, if it is
    /// one (environment variable `POD_UID`).
    pub fn new(procfs: ProcFs, own_pod: Option<String>) -> Self {
        Self {
            procfs,
            own_pod,
            processes: FxHashMap::default(),
            last_scan: Duration::ZERO,
        }
    }

    /// Brings the table up to date.
    ///
    /// # Errors
    /// The proc filesystem cannot be listed.
    pub fn scan(&mut self) -> Result<(), ScanProblem> {
        let listed = self.list().map_err(|error| ScanProblem::NoProcesses {
            path: self.procfs.root().display().to_string(),
            error: error.to_string(),
        })?;
        let now = since_boot_now();
        let due = Due {
            last: self.last_scan,
            now,
        };
        let mut processes = FxHashMap::default();
        processes.reserve(listed.len());
        for (pid, directory) in listed {
            let known = self
                .processes
                .remove(&pid)
                .filter(|known| known.directory == directory);
            if let Some(known) = self.refreshed(pid, directory, known, &due) {
                processes.insert(pid, known);
            }
        }
        self.processes = processes;
        self.last_scan = now;
        Ok(())
    }

    /// All processes.
    pub fn iter(&self) -> impl Iterator<Item = &Process> + Clone {
        self.processes.values().map(|known| &known.process)
    }

    /// How many processes hide their namespace from us.
    pub fn denied(&self) -> usize {
        self.processes.values().filter(|known| known.denied).count()
    }

    /// Has the processes that are read through `task` read again at the next scan.
    pub fn forget(&mut self, task: &str) {
        self.processes.retain(|_, known| known.process.task() != task);
    }

    fn list(&self) -> io::Result<Vec<(u32, u64)>> {
        use std::os::unix::fs::DirEntryExt;
        let mut listed = Vec::with_capacity(self.processes.len() + 16);
        for entry in self.procfs.root().read_dir()? {
            let entry = entry?;
            let pid = entry.file_name().to_str().and_then(|name| name.parse().ok());
            listed.extend(pid.map(|pid| (pid, entry.ino())));
        }
        Ok(listed)
    }

    fn refreshed(&self, pid: u32, directory: u64, known: Option<Known>, due: &Due) -> Option<Known> {
        let Some(mut known) = known else {
            return self.read(pid, directory).ok();
        };
        if due.is_young(known.process.started) {
            known.process.owner = self.read_owner(pid).ok()?;
            self.read_netns(&mut known).ok()?;
        } else if due.is_in_rotation(pid) {
            let before = known.process.netns;
            self.read_netns(&mut known).ok()?;
            if known.process.netns != before {
                known.process.owner = self.read_owner(pid).ok()?;
            }
        }
        Some(known)
    }

    fn read(&self, pid: u32, directory: u64) -> io::Result<Known> {
        let text = self.procfs.read(&format!("{pid}/stat"))?;
        let process = Process {
            pid,
            is_leader: true,
            started: stat::start_time(&text).map_err(io::Error::other)?,
            netns: None,
            thread: None,
            owner: self.read_owner(pid)?,
        };
        let mut known = Known {
            process,
            directory,
            denied: false,
        };
        self.read_netns(&mut known)?;
        Ok(known)
    }

    fn read_owner(&self, pid: u32) -> io::Result<Option<Arc<CgroupOwner>>> {
        let text = self.procfs.read(&format!("{pid}/cgroup"))?;
        let mut owner = cgroup::owner(&text, self.own_pod.as_deref());
        if pid == std::process::id() && self.procfs.is_own() && owner.pod_uid.is_none() {
            owner.pod_uid.clone_from(&self.own_pod);
        }
        Ok((!owner.is_none()).then(|| Arc::new(owner)))
    }

    fn read_netns(&self, known: &mut Known) -> io::Result<()> {
        let process = &mut known.process;
        process.thread = None;
        process.netns = None;
        known.denied = false;
        match self.procfs.namespace_inode(&format!("{}/ns/net", process.pid)) {
            Ok(inode) => process.netns = Some(NetnsId::of_inode(inode)),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => known.denied = true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.read_netns_of_thread(process)?,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// A process whose main thread has exited shows no namespace, but its other threads do.
    fn read_netns_of_thread(&self, process: &mut Process) -> io::Result<()> {
        let tasks = format!("{}/task", process.pid);
        let entries = self.procfs.path(&tasks).read_dir()?.flatten();
        let threads = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        for thread in threads {
            if let Ok(inode) = self.procfs.namespace_inode(&format!("{tasks}/{thread}/ns/net")) {
                process.netns = Some(NetnsId::of_inode(inode));
                process.thread = Some(thread);
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Which processes a scan reads again.
struct Due {
    last: Duration,
    now: Duration,
}

impl Due {
    fn is_young(&self, started: u64) -> bool {
        self.now.saturating_sub(ticks_to_duration(started)) < YOUNG
    }

    /// Pids are spread over the rotation; those between the last scan and now have their turn.
    fn is_in_rotation(&self, pid: u32) -> bool {
        let period = ROTATION.as_millis();
        let elapsed = self.now.saturating_sub(self.last).as_millis();
        // Fibonacci hashing: pids made one after another are far apart.
        let spread = u128::from(pid.wrapping_mul(0x9E37_79B9));
        let turn = (spread * period) >> 32;
        let since_turn = (self.now.as_millis() + period - turn) % period;
        since_turn < elapsed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn within_one_rotation_every_process_has_its_turn_once_whatever_the_pace_of_scans() {
        for step in [1_u64, 7, 15] {
            for pid in [1_u32, 2, 77, 4_194_303] {
                let turns = (0..60 / step)
                    .map(|scan| Due {
                        last: Duration::from_secs(1000 + scan * step),
                        now: Duration::from_secs(1000 + (scan + 1) * step),
                    })
                    .filter(|due| due.is_in_rotation(pid))
                    .count();
                let rounded_away = usize::from(60 % step != 0);
                assert!(
                    (1 - rounded_away..=1).contains(&turns),
                    "pid {pid}, step {step}: {turns}"
                );
            }
        }
    }

    #[test]
    fn after_a_pause_longer_than_the_rotation_all_are_due() {
        let due = Due {
            last: Duration::ZERO,
            now: Duration::from_mins(5),
        };
        assert!((1..2000).all(|pid| due.is_in_rotation(pid)));
    }
}
