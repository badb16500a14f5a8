//! Servers of others that listen on a port of loopback which they are told.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::lab::http;
use crate::lab::log::Log;
use crate::lab::process::Guard;
use crate::lab::wait::eventually;

/// How long a server may take until it answers.
const START: Duration = Duration::from_secs(30);

/// Somebody else may take the port that was free a moment ago.
const ATTEMPTS: usize = 3;

/// A running server with a directory of its own; ended when dropped, and the directory with it.
#[derive(Debug)]
pub struct Server {
    _guard: Guard,
    log: Log,
    address: SocketAddr,
    _directory: TempDir,
}

impl Server {
    /// Starts `program` with the arguments that `arguments` makes of its directory and address, and
    /// waits until `/-/ready` says that it is ready.
    pub fn start(
        program: &Path,
        arguments: impl Fn(&Path, SocketAddr) -> Result<Vec<OsString>>,
    ) -> Result<Self> {
        let mut tried = Self::attempt(program, &arguments);
        for _ in 1..ATTEMPTS {
            tried = tried.or_else(|_| Self::attempt(program, &arguments));
        }
        tried
    }

    fn attempt(
        program: &Path,
        arguments: &impl Fn(&Path, SocketAddr) -> Result<Vec<OsString>>,
    ) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("ksk-server-").tempdir()?;
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let mut command = Command::new(program);
        command
            .args(arguments(directory.path(), address)?)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut guard = Guard::spawn(&mut command)?;
        let log = Log::follow(guard.child().stderr.take().context("the process has no stderr")?)?;
        let ready = eventually(START, || {
            if let Some(status) = guard.ended()? {
                bail!("it ended: {status}");
            }
            Ok(http::get(address, "/-/ready", &[]).is_ok_and(|answer| answer.status == 200))
        });
        ready.with_context(|| format!("{command:?} is not ready, log:\n{}", log.text()))?;
        Ok(Self {
            _guard: guard,
            log,
            address,
            _directory: directory,
        })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// What it answers, which must be JSON, with its status.
    pub fn get(&self, path: &str) -> Result<(u16, Value)> {
        let answer = http::get(self.address, path, &[])?;
        let body = serde_json::from_str(&answer.body)
            .with_context(|| format!("GET {path}: {}: {}", answer.status, answer.body))?;
        Ok((answer.status, body))
    }

    /// The same, where anything but 200 is an error.
    pub fn get_ok(&self, path: &str) -> Result<Value> {
        let (status, body) = self.get(path)?;
        ensure!(status == 200, "GET {path}: {status}: {body}");
        Ok(body)
    }

    /// What it has written to stderr.
    pub fn log(&self) -> String {
        self.log.text()
    }
}
