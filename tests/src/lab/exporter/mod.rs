//! The exporter as a real process.

mod binary;
mod builder;
mod endpoint;

use std::net::SocketAddr;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

pub use self::binary::binary;
pub use self::builder::Builder;
pub use self::endpoint::Endpoint;

use crate::lab::configmap::ConfigMap;
use crate::lab::http::{self, Response};
use crate::lab::log::Log;
use crate::lab::metrics::Metrics;
use crate::lab::process::{Guard, Signal};
use crate::lab::wait::{eventually, patience};

/// How long the exporter may take to end after SIGTERM.
const TERMINATION: Duration = Duration::from_secs(30);

/// How long the first collection may take.
const FIRST_COLLECTION: Duration = Duration::from_secs(10);

/// How long the exporter waits for a collection.
const COLLECTION: Duration = Duration::from_secs(10);

/// How long its last words may take to arrive once it has ended.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A running exporter; killed and reaped when dropped.
///
/// One that runs in a network namespace answers there:
/// `netns.run(|| exporter.scrape())`.
#[derive(Debug)]
pub struct Exporter {
    guard: Guard,
    log: Log,
    endpoint: Endpoint,
    has_collected: AtomicBool,
    /// Files that it reads, removed after it.
    _config: Option<ConfigMap>,
}

impl Exporter {
    /// Describes an exporter that is to be started.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Starts one with nothing but defaults.
    pub fn start() -> Result<Self> {
        Self::builder().start()
    }

    /// Where it said at its start that it listens.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Where it said last that it listens, which a reload may have changed.
    pub fn last_endpoint(&self) -> Endpoint {
        Endpoint::last_in(&self.log.text()).unwrap_or_else(|| self.endpoint.clone())
    }

    /// The address it listens on; an error if it is a socket file.
    pub fn addr(&self) -> Result<SocketAddr> {
        match &self.endpoint {
            Endpoint::Tcp(address) => Ok(*address),
            Endpoint::Unix(path) => bail!("it listens on {}", path.display()),
        }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.guard.pid()
    }

    /// The process.
    pub fn process(&mut self) -> &mut Guard {
        &mut self.guard
    }

    /// Sends it a signal.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        self.guard.signal(signal)
    }

    /// What it has written to stderr.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// How long its log is, for [`Exporter::wait_for_log_after`].
    pub fn log_position(&self) -> usize {
        self.log.position()
    }

    /// Waits until its log has `substring`, now or before.
    pub fn wait_for_log(&self, substring: &str, timeout: Duration) -> Result<()> {
        self.log.wait_for(substring, timeout)
    }

    /// Waits until its log has `substring` after a position.
    pub fn wait_for_log_after(&self, position: usize, substring: &str, timeout: Duration) -> Result<()> {
        self.log.wait_for_after(position, substring, timeout)
    }

    /// GETs `path`.
    pub fn get(&self, path: &str) -> Result<Response> {
        self.get_with(path, &[])
    }

    /// GETs `path` with header fields.
    pub fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Result<Response> {
        self.endpoint.get(path, headers)
    }

    /// POSTs nothing to `path`.
    pub fn post(&self, path: &str) -> Result<Response> {
        http::post(self.addr()?, path, "")
    }

    /// GETs `/metrics` in the text format and reads it strictly.
    pub fn scrape(&self) -> Result<Metrics> {
        self.scrape_path("/metrics")
    }

    /// Like [`Exporter::scrape`], from a path such as `/metrics?probe=tcp`.
    pub fn scrape_path(&self, path: &str) -> Result<Metrics> {
        self.wait_until_it_has_collected()?;
        let response = self.get_patiently(path)?;
        ensure!(
            response.status == 200,
            "GET {path}: {}: {}",
            response.status,
            response.body
        );
        let content = response.header("content-type").unwrap_or_default();
        ensure!(
            content.starts_with("text/plain"),
            "GET {path}: the content is {content:?}"
        );
        Metrics::parse(&response.body).with_context(|| format!("GET {path}"))
    }

    /// Where nothing is slow, this is one GET. A slow machine may take longer for a collection than
    /// the exporter waits.
    fn get_patiently(&self, path: &str) -> Result<Response> {
        let until = Instant::now() + patience(COLLECTION).saturating_sub(COLLECTION);
        loop {
            let response = self.get(path)?;
            if response.status != 503 || Instant::now() >= until {
                return Ok(response);
            }
        }
    }

    /// The first collection loads the programs, which takes a slow machine longer than a scrape may.
    fn wait_until_it_has_collected(&self) -> Result<()> {
        if !self.has_collected.load(Ordering::Relaxed) {
            eventually(FIRST_COLLECTION, || Ok(self.get("/readyz")?.status == 200))
                .with_context(|| format!("it is not ready, log:\n{}", self.log()))?;
            self.has_collected.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Waits until no probe has failed: a slow machine may take longer to load programs than a
    /// collection waits for them.
    pub fn wait_for_probes(&self) -> Result<()> {
        let mut failed = Value::Null;
        eventually(FIRST_COLLECTION, || {
            self.scrape()?;
            let status = self.status()?;
            let probes = status["probes"].as_array().context("a list of probes")?;
            failed = probes
                .iter()
                .filter(|it| it["state"] == "failed")
                .cloned()
                .collect();
            Ok(failed == Value::Array(Vec::new()))
        })
        .with_context(|| failed.to_string())
    }

    /// What `/status` says.
    pub fn status(&self) -> Result<Value> {
        serde_json::from_str(&self.get("/status")?.body).context("GET /status")
    }

    /// What `/status` says of a probe.
    pub fn probe_status(&self, probe: &str) -> Result<Value> {
        let status = self.status()?;
        let mut probes = status["probes"].as_array().into_iter().flatten();
        let found = probes.find(|it| it["name"] == probe);
        found.cloned().with_context(|| format!("no {probe} in {status}"))
    }

    /// What it knows of the namespace with this inode, as of a new scrape.
    pub fn entity(&self, inode: u64) -> Result<Value> {
        self.scrape()?;
        let entities: Value = serde_json::from_str(&self.get("/debug/entities")?.body)?;
        let all = entities.as_array().context("a list of entities")?;
        let found = all.iter().find(|entity| entity["inode"] == inode);
        found
            .cloned()
            .with_context(|| format!("no entity with inode {inode} in {entities}"))
    }

    /// Sends SIGTERM and waits for the end; returns how it ended and how long that took.
    ///
    /// The log can still be read.
    pub fn terminate(&mut self) -> Result<(ExitStatus, Duration)> {
        let started = Instant::now();
        self.guard.signal(Signal::TERM)?;
        let status = self
            .guard
            .wait(TERMINATION)
            .with_context(|| format!("log:\n{}", self.log.text()))?;
        let taken = started.elapsed();
        self.log.wait_for_end(LAST_WORDS);
        Ok((status, taken))
    }
}
