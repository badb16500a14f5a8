//! A Prometheus server that scrapes one target on loopback every second.

use std::fmt::Write;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use kubeskoop_exporter_tests::lab::http;
use kubeskoop_exporter_tests::lab::log::Log;
use kubeskoop_exporter_tests::lab::process::Guard;
use kubeskoop_exporter_tests::lab::wait::eventually;
use serde_json::Value;
use tempfile::TempDir;

/// How long the server may take until it answers.
const START: Duration = Duration::from_secs(30);

/// Somebody else may take the port that was free a moment ago.
const ATTEMPTS: usize = 3;

/// A server to start.
#[derive(Debug, Clone, Copy, Default)]
pub struct Setup<'a> {
    /// Further arguments.
    pub arguments: &'a [&'a str],
    /// A further key of the job in its configuration.
    pub job: Option<&'a str>,
}

/// A running server; ended when dropped, and its data with it.
#[derive(Debug)]
pub struct Prometheus {
    _guard: Guard,
    log: Log,
    address: SocketAddr,
    _directory: TempDir,
}

/// A series and its value at the time of the query, as it is written.
#[derive(Debug)]
pub struct Series {
    pub labels: Value,
    pub value: String,
}

impl Prometheus {
    /// Starts `program` and waits until it is ready.
    pub fn start(program: &Path, setup: Setup<'_>, target: SocketAddr) -> Result<Self> {
        let mut tried = Self::attempt(program, setup, target);
        for _ in 1..ATTEMPTS {
            tried = tried.or_else(|_| Self::attempt(program, setup, target));
        }
        tried
    }

    fn attempt(program: &Path, setup: Setup<'_>, target: SocketAddr) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("ksk-prometheus-").tempdir()?;
        let config = directory.path().join("prometheus.yml");
        fs::write(
            &config,
            format!(
                "global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\nscrape_configs:\n  \
                 - job_name: kubeskoop\n    {}\n    static_configs:\n      - targets: [\"{target}\"]\n",
                setup.job.unwrap_or_default()
            ),
        )?;
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let data = directory.path().join("data");
        let mut command = Command::new(program);
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", data.display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=warn")
            .args(setup.arguments)
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

    /// The result of an instant query for a vector.
    pub fn query(&self, expression: &str) -> Result<Vec<Series>> {
        let data = self.get(&format!("/api/v1/query?query={}", encoded(expression)))?;
        let result = data["result"].as_array();
        let result = result.with_context(|| format!("{expression} gives no vector: {data}"))?;
        result
            .iter()
            .map(|series| {
                let value = series["value"][1].as_str();
                Ok(Series {
                    labels: series["metric"].clone(),
                    value: value.with_context(|| format!("no value: {series}"))?.to_owned(),
                })
            })
            .collect()
    }

    /// What the API says under `data`.
    pub fn get(&self, path: &str) -> Result<Value> {
        let answer = http::get(self.address, path, &[])?;
        let body: Value = serde_json::from_str(&answer.body)
            .with_context(|| format!("GET {path}: {}: {}", answer.status, answer.body))?;
        ensure!(body["status"] == "success", "GET {path}: {body}");
        Ok(body["data"].clone())
    }

    /// What it has written: warnings and errors only.
    pub fn log(&self) -> String {
        self.log.text()
    }
}

/// An expression as part of a URL.
fn encoded(expression: &str) -> String {
    expression.bytes().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "%{byte:02X}");
        text
    })
}
