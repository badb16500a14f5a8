//! How an exporter is started.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::{Endpoint, Exporter, LAST_WORDS, binary};
use crate::lab::configmap::ConfigMap;
use crate::lab::log::Log;
use crate::lab::node::{Node, spawn_in};
use crate::lab::process::Guard;
use crate::lab::wait::patience;

/// How long the exporter may take until it listens.
const START: Duration = Duration::from_secs(10);

/// How often to look whether it does.
const POLL: Duration = Duration::from_millis(5);

/// The command line and environment of an exporter: `serve --bind 127.0.0.1:0` unless told
/// otherwise.
#[derive(Debug)]
pub struct Builder {
    binary: Option<PathBuf>,
    config: Config,
    bind: Option<OsString>,
    arguments: Vec<OsString>,
    wrap: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    /// The pid namespace to start it in, if not that of the test.
    pids: Option<PathBuf>,
}

/// Where the configuration comes from.
#[derive(Debug)]
enum Config {
    None,
    Text(String),
    File(PathBuf),
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            binary: None,
            config: Config::None,
            bind: Some("127.0.0.1:0".into()),
            arguments: Vec::new(),
            wrap: Vec::new(),
            environment: Vec::new(),
            pids: None,
        }
    }

    /// Runs it on a node where it sees no processes but those of this node.
    #[must_use]
    pub fn on(mut self, node: &Node) -> Self {
        self.pids = Some(node.pids());
        self.wrap(node.prefix())
    }

    /// Gives it a configuration file with this text.
    #[must_use]
    pub fn config(mut self, yaml: &str) -> Self {
        self.config = Config::Text(yaml.to_owned());
        self
    }

    /// Gives it the file of a mounted `ConfigMap`.
    #[must_use]
    pub fn config_dir(mut self, map: &ConfigMap) -> Self {
        self.config = Config::File(map.path());
        self
    }

    /// Gives it an address by `--bind`.
    #[must_use]
    pub fn bind(mut self, address: impl Into<OsString>) -> Self {
        self.bind = Some(address.into());
        self
    }

    /// Leaves `--bind` out, so that the configuration decides.
    #[must_use]
    pub fn without_bind(mut self) -> Self {
        self.bind = None;
        self
    }

    /// Adds arguments after those of `serve`.
    #[must_use]
    pub fn args<T: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = T>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Runs it by another command, such as `["unshare", "-C"]`, which must replace itself with the
    /// exporter: signals go to the process that is started.
    #[must_use]
    pub fn wrap<T: Into<OsString>>(mut self, command: impl IntoIterator<Item = T>) -> Self {
        self.wrap.extend(command.into_iter().map(Into::into));
        self
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Starts another program than [`binary`] finds.
    #[must_use]
    pub fn binary(mut self, path: impl Into<PathBuf>) -> Self {
        self.binary = Some(path.into());
        self
    }

    /// Starts it and waits until it says where it listens. If it ends before, or says nothing for
    /// 10 s, the error has its log.
    pub fn start(self) -> Result<Exporter> {
        let binary = self.binary.map_or_else(binary, Ok)?;
        let (config, file) = match self.config {
            Config::None => (ConfigMap::of_defaults()?, None),
            Config::File(path) => (None, Some(path)),
            Config::Text(yaml) => (Some(ConfigMap::new(&yaml)?), None),
        };
        let file = file.or_else(|| config.as_ref().map(ConfigMap::path));

        let mut words = self.wrap;
        words.extend([binary.into(), "serve".into()]);
        words.extend(
            self.bind
                .into_iter()
                .flat_map(|address| ["--bind".into(), address]),
        );
        words.extend(file.into_iter().flat_map(|path| ["--config".into(), path.into()]));
        words.extend(self.arguments);

        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .envs(self.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut guard = match self.pids {
            Some(pids) => spawn_in(&pids, &mut command)?,
            None => Guard::spawn(&mut command)?,
        };
        let stderr = guard.child().stderr.take().context("the process has no stderr")?;
        let log = Log::follow(stderr)?;
        let endpoint = wait_until_it_listens(&mut guard, &log)
            .with_context(|| format!("{command:?} has not started"))?;
        Ok(Exporter {
            guard,
            log,
            endpoint,
            has_collected: AtomicBool::new(false),
            _config: config,
        })
    }
}

fn wait_until_it_listens(guard: &mut Guard, log: &Log) -> Result<Endpoint> {
    let deadline = Instant::now() + patience(START);
    loop {
        if let Some(endpoint) = Endpoint::last_in(&log.text()) {
            return Ok(endpoint);
        }
        if let Some(status) = guard.ended()? {
            log.wait_for_end(LAST_WORDS);
            bail!("it ended: {status}, log:\n{}", log.text());
        }
        if Instant::now() >= deadline {
            bail!("it does not listen after {START:?}, log:\n{}", log.text());
        }
        sleep(POLL);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::ExitStatusExt;
    use std::path::Path;
    use std::{fs, io};

    use tempfile::TempDir;

    use super::*;
    use crate::lab::process::Signal;

    const SOON: Duration = Duration::from_secs(5);

    /// A script in place of the exporter.
    fn script(body: &str) -> io::Result<(TempDir, PathBuf)> {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("exporter");
        // Written under another name and by another process than the one that is to run it: a file
        // that a forked child still has open for writing cannot be executed.
        let source = directory.path().join("source");
        fs::write(&source, format!("#!/bin/sh\n{body}\n"))?;
        fs::set_permissions(&source, fs::Permissions::from_mode(0o755))?;
        Command::new("cp").arg(&source).arg(&path).status()?;
        Ok((directory, path))
    }

    #[test]
    fn is_started_as_told_and_ended() {
        let (_directory, path) = script(
            "echo \"arguments: $*\" >&2; echo \"variable: $KSK_TEST\" >&2\n\
             echo listening on http://127.0.0.1:1234/metrics >&2; exec sleep 60",
        )
        .unwrap();
        let map = ConfigMap::new("").unwrap();
        let mut exporter = Exporter::builder()
            .binary(path)
            .config_dir(&map)
            .args(["--no-bpf"])
            .env("KSK_TEST", "seen")
            .wrap(["env", "KSK_OTHER=1"])
            .start()
            .unwrap();
        assert_eq!(exporter.addr().unwrap(), "127.0.0.1:1234".parse().unwrap());
        let expected = format!(
            "arguments: serve --bind 127.0.0.1:0 --config {} --no-bpf\nvariable: seen\n",
            map.path().display()
        );
        assert!(exporter.log().starts_with(&expected), "{}", exporter.log());
        let (status, taken) = exporter.terminate().unwrap();
        assert_eq!(status.signal(), Some(Signal::TERM.as_raw()));
        assert!(taken < SOON);
    }

    #[test]
    fn text_becomes_a_file() {
        let (_directory, path) =
            script("cat \"$3\" >&2; echo listening on unix:///run/ksk.sock >&2; exec sleep 60").unwrap();
        let exporter = Exporter::builder()
            .binary(path)
            .without_bind()
            .config("interval: 1s\n")
            .start()
            .unwrap();
        exporter.wait_for_log("interval: 1s", SOON).unwrap();
        assert_eq!(*exporter.endpoint(), Endpoint::Unix("/run/ksk.sock".into()));
        assert!(exporter.addr().is_err());
        let pid = exporter.pid();
        drop(exporter);
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
    }

    #[test]
    fn one_that_ends_tells_why() {
        let (_directory, path) = script("echo bad configuration >&2; exit 2").unwrap();
        let error = format!("{:#}", Exporter::builder().binary(path).start().unwrap_err());
        assert!(
            error.contains("exit status: 2") && error.contains("bad configuration"),
            "{error}"
        );
    }

    #[test]
    fn the_last_address_counts_after_a_move() {
        let (_directory, path) = script(
            "trap 'echo listening on http://127.0.0.1:2/metrics >&2' USR1\n\
             echo listening on http://127.0.0.1:1/metrics >&2\n\
             while :; do sleep 0.05; done",
        )
        .unwrap();
        let mut exporter = Exporter::builder().binary(path).start().unwrap();
        let position = exporter.log_position();
        // Not SIGHUP: a shell cannot trap what its parent ignores, as nohup does.
        exporter.signal(Signal::USR1).unwrap();
        exporter
            .wait_for_log_after(position, "listening on", SOON)
            .unwrap();
        assert_eq!(
            exporter.last_endpoint(),
            Endpoint::Tcp("127.0.0.1:2".parse().unwrap())
        );
        assert_eq!(exporter.addr().unwrap(), "127.0.0.1:1".parse().unwrap());
    }
}
