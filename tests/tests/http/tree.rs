//! A proc filesystem of one process, made of what this machine shows, whose files a test can spoil.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use kubeskoop_exporter_tests::lab::exporter::{Builder, Exporter};
use kubeskoop_exporter_tests::lab::wait::eventually;
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat, open};
use rustix::io::Errno;
use tempfile::TempDir;

/// What the default probes read but `stat/nf_conntrack`, which not every kernel has.
const FILES: [&str; 9] = [
    "dev",
    "ipv6_route",
    "netstat",
    "route",
    "snmp",
    "snmp6",
    "sockstat",
    "sockstat6",
    "softnet_stat",
];

/// The tree; removed when dropped.
#[derive(Debug)]
pub struct Tree {
    root: TempDir,
}

impl Tree {
    /// Copies what the machine shows of its own network namespace.
    pub fn new() -> Result<Self> {
        let tree = Self {
            root: tempfile::tempdir()?,
        };
        let process = tree.root.path().join("1");
        fs::create_dir_all(process.join("ns"))?;
        fs::create_dir_all(process.join("net"))?;
        symlink("net:[4026531999]", process.join("ns/net"))?;
        fs::write(process.join("cgroup"), "0::/init.scope\n")?;
        fs::write(process.join("stat"), fs::read("/proc/self/stat")?)?;
        for file in FILES {
            match fs::read(Path::new("/proc/self/net").join(file)) {
                Ok(text) => tree.replace(file, &text)?,
                // Without IPv6 there are no such files.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error).with_context(|| format!("/proc/self/net/{file}")),
            }
        }
        Ok(tree)
    }

    /// An exporter that reads the tree, and nothing by another way.
    pub fn exporter(&self) -> Builder {
        let arguments = [Path::new("--no-bpf"), Path::new("--procfs"), self.root.path()];
        Exporter::builder().args(arguments)
    }

    /// The path of `net/<file>`.
    pub fn net(&self, file: &str) -> PathBuf {
        self.root.path().join("1/net").join(file)
    }

    /// The contents of `net/<file>`.
    pub fn read(&self, file: &str) -> Result<Vec<u8>> {
        fs::read(self.net(file)).with_context(|| format!("net/{file}"))
    }

    /// Gives `net/<file>` other contents at once.
    pub fn replace(&self, file: &str, text: &[u8]) -> Result<()> {
        let new = self.root.path().join("new");
        fs::write(&new, text)?;
        fs::rename(&new, self.net(file)).with_context(|| format!("net/{file}"))
    }

    /// Puts a pipe in place of `net/<file>`: reading it takes until [`Pipe::feed`].
    pub fn block(&self, file: &str) -> Result<Pipe> {
        let path = self.root.path().join(format!("pipe-{file}"));
        make_pipe(&path)?;
        let place = self.net(file);
        // Of the two names of the pipe one stays when the file is replaced.
        let link = self.root.path().join("link");
        fs::hard_link(&path, &link)?;
        fs::rename(&link, &place)?;
        Ok(Pipe { path })
    }
}

/// A pipe whose readers wait for what the test has to say.
#[derive(Debug)]
pub struct Pipe {
    path: PathBuf,
}

impl Pipe {
    /// Waits until somebody reads, and keeps them reading for as long as what is returned lives.
    pub fn wait_for_reader(&self, timeout: Duration) -> Result<File> {
        let mut writer = None;
        eventually(timeout, || {
            match open(
                &self.path,
                OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC,
                Mode::empty(),
            ) {
                Ok(file) => writer = Some(File::from(file)),
                // Nobody has it open for reading.
                Err(Errno::NXIO) => {}
                Err(error) => return Err(error.into()),
            }
            Ok(writer.is_some())
        })
        .context("nobody reads the pipe")?;
        writer.context("nobody reads the pipe")
    }

    /// Lets the reader that waits read `text` to its end.
    pub fn feed(&self, text: &[u8], timeout: Duration) -> Result<()> {
        let mut writer = self.wait_for_reader(timeout)?;
        writer.write_all(text).context("the pipe")
    }
}

/// Makes a named pipe.
pub fn make_pipe(path: &Path) -> Result<()> {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
        .with_context(|| format!("cannot make the pipe {}", path.display()))
}
