//! `/proc/<pid>/fd`, by `proc_readfd_common` in `fs/proc/fd.c`: a link for every open descriptor.
//!
//! What a descriptor is stands in its link only, so that each is read, a few microseconds apiece
//! (`proc_pid_readlink`): 100 000 descriptors take some tenths of a second. The names of
//! sockets are made by `sockfs_dname` in `net/socket.c`.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashSet;
use rustix::fs::{Mode, OFlags, RawDir};
use rustix::io::Errno;

use super::process::ProcessError;
use super::{ProcFs, decimal};

/// More than this is read in several calls.
const ENTRIES: usize = 32 * 1024;
const SOCKET: &[u8] = b"socket:[";

/// The open descriptors of a process.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Descriptors {
    /// All of them.
    pub open: u64,
    /// Those that are sockets.
    pub sockets: u64,
}

impl Descriptors {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            open: self.open + other.open,
            sockets: self.sockets + other.sockets,
        }
    }
}

/// A reader of descriptors, with a buffer that lives on from one process to the next.
#[derive(Debug)]
pub struct DescriptorReader {
    entries: Box<[MaybeUninit<u8>]>,
}

impl Default for DescriptorReader {
    fn default() -> Self {
        Self {
            entries: Box::new_uninit_slice(ENTRIES),
        }
    }
}

impl DescriptorReader {
    /// Counts the descriptors of a process.
    ///
    /// # Errors
    /// It has ended, or may not be read.
    pub fn of_process(&mut self, procfs: &ProcFs, pid: u32) -> Result<Descriptors, ProcessError> {
        let process = procfs.path(&pid.to_string());
        let descriptors = self.of_task(&process)?;
        if descriptors.open > 0 {
            return Ok(descriptors);
        }
        // A main thread that has exited has none any more, but its other threads have.
        for thread in threads(&process) {
            match self.of_task(&thread) {
                Ok(descriptors) if descriptors.open > 0 => return Ok(descriptors),
                Ok(_) | Err(ProcessError::Gone) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(descriptors)
    }

    fn of_task(&mut self, task: &Path) -> Result<Descriptors, ProcessError> {
        let path = task.join("fd");
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(path, flags, Mode::empty()).map_err(ProcessError::opening)?;
        let mut descriptors = Descriptors::default();
        let mut entries = RawDir::new(&directory, &mut self.entries);
        while let Some(entry) = entries.next() {
            let entry = entry.map_err(ProcessError::reading)?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            match is_socket(&directory, name) {
                Ok(is_socket) => {
                    descriptors.open += 1;
                    descriptors.sockets += u64::from(is_socket);
                }
                // It was closed meanwhile.
                Err(Errno::NOENT) => {}
                Err(error) => return Err(ProcessError::reading(error)),
            }
        }
        Ok(descriptors)
    }
}

/// The open descriptors of this process, that of the directory among them, and the inodes of those
/// that are sockets.
///
/// # Errors
/// They may not be read.
pub fn own_sockets(procfs: &ProcFs) -> io::Result<(Descriptors, FxHashSet<u32>)> {
    let mut descriptors = Descriptors::default();
    let mut inodes = FxHashSet::default();
    for entry in procfs.path("self/fd").read_dir()? {
        // One that was closed meanwhile leads nowhere.
        let Ok(target) = entry?.path().read_link() else {
            continue;
        };
        descriptors.open += 1;
        let target = target.as_os_str().as_bytes();
        if let Some(rest) = target.strip_prefix(SOCKET) {
            descriptors.sockets += 1;
            let inode = rest.strip_suffix(b"]").and_then(decimal);
            inodes.extend(inode.and_then(|inode| u32::try_from(inode).ok()));
        }
    }
    Ok((descriptors, inodes))
}

fn threads(process: &Path) -> Vec<PathBuf> {
    let entries = process.join("task").read_dir();
    let threads = entries.into_iter().flatten().flatten().map(|entry| entry.path());
    threads
        .filter(|thread| thread.file_name() != process.file_name())
        .collect()
}

/// The beginning of a link is enough. The paths of files begin with a slash.
fn is_socket(directory: impl AsFd, name: &std::ffi::CStr) -> Result<bool, Errno> {
    let mut target = [0_u8; SOCKET.len()];
    let length = rustix::fs::readlinkat_raw(directory, name, &mut target)?;
    Ok(&target[..length] == SOCKET)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::net::UdpSocket;

    use super::*;

    fn links(targets: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a directory");
        let directory = root.path().join("7/fd");
        std::fs::create_dir_all(&directory).expect("its directory");
        for (number, target) in targets.iter().enumerate() {
            std::os::unix::fs::symlink(target, directory.join(number.to_string())).expect("a link");
        }
        root
    }

    fn count(targets: &[&str]) -> (u64, u64) {
        let root = links(targets);
        let found = DescriptorReader::default().of_process(&ProcFs::at(root.path()), 7);
        let Descriptors { open, sockets } = found.expect("readable");
        (open, sockets)
    }

    #[test]
    fn what_a_link_begins_with_says_whether_it_is_a_socket() {
        let targets = [
            "/dev/null",
            "socket:[4242]",
            "pipe:[7]",
            "anon_inode:[eventfd]",
            "/tmp/socket:[1]",
            "socket:",
            "socket:[18446744073709551615]",
        ];
        assert_eq!(count(&targets), (7, 2));
        assert_eq!(count(&[]), (0, 0));
    }

    #[test]
    fn a_process_without_its_main_thread_has_those_of_another_thread() {
        let root = links(&[]);
        let descriptors = root.path().join("7/task/8/fd");
        std::fs::create_dir_all(root.path().join("7/task/7/fd")).expect("the main thread");
        std::fs::create_dir_all(&descriptors).expect("another thread");
        std::os::unix::fs::symlink("socket:[1]", descriptors.join("0")).expect("a link");
        let found = DescriptorReader::default().of_process(&ProcFs::at(root.path()), 7);
        assert_eq!(found, Ok(Descriptors { open: 1, sockets: 1 }));
    }

    #[test]
    fn more_descriptors_than_the_buffer_holds_are_all_counted() {
        assert_eq!(count(&vec!["socket:[1]"; 3000]), (3000, 3000));
    }

    #[test]
    fn the_own_process_may_always_be_read() {
        let mut reader = DescriptorReader::default();
        let mut own = || {
            reader
                .of_process(&ProcFs::default(), std::process::id())
                .expect("the own directory")
        };
        // Other tests of this process open and close files of their own.
        let grew = (0..20).any(|_| {
            let before = own();
            let files: Vec<_> = (0..100)
                .map(|_| File::open("/dev/null").expect("a file"))
                .collect();
            let sockets: Vec<_> = (0..50)
                .map(|_| UdpSocket::bind("127.0.0.1:0").expect("a socket"))
                .collect();
            let after = own();
            drop((files, sockets));
            after.open == before.open + 150 && after.sockets == before.sockets + 50
        });
        assert!(grew);
    }

    #[test]
    fn the_inodes_of_the_own_sockets_are_those_that_the_kernel_gave_them() {
        use std::os::fd::AsRawFd;
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let link = format!("/proc/self/fd/{}", socket.as_raw_fd());
        let target = std::fs::read_link(link).expect("its link");
        let (descriptors, inodes) = own_sockets(&ProcFs::default()).expect("the own directory");
        let named: Vec<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
        assert!(
            named.contains(&target.display().to_string()),
            "{named:?} {target:?}"
        );
        assert!(descriptors.open > descriptors.sockets && descriptors.sockets >= 1);
    }

    #[test]
    fn a_process_that_has_ended_is_gone() {
        let gone = DescriptorReader::default().of_process(&ProcFs::default(), 4_194_305);
        assert_eq!(gone, Err(ProcessError::Gone));
    }
}
