//! A Prometheus server that scrapes targets on loopback every second.

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::lab::server::Server;
use crate::lab::tools;

/// The job that every target is of: the one that the rules select.
pub const JOB: &str = "kubeskoop-exporter";

/// A server to start.
#[derive(Debug, Clone, Copy, Default)]
pub struct Setup<'a> {
    /// Further arguments.
    pub arguments: &'a [&'a str],
    /// Further keys of the job in its configuration.
    pub job: Option<&'a str>,
    /// Files of rules, which it evaluates every second where they do not say otherwise.
    pub rules: &'a [PathBuf],
    /// Where its alerts go.
    pub alertmanager: Option<SocketAddr>,
}

impl Setup<'_> {
    /// JSON is YAML.
    fn config(&self, targets: &[SocketAddr]) -> Result<Value> {
        let mut job: Value = serde_yaml::from_str(self.job.unwrap_or("{}"))?;
        job["job_name"] = json!(JOB);
        job["static_configs"] = json!([{"targets": targets}]);
        let alertmanagers: Vec<Value> = self
            .alertmanager
            .iter()
            .map(|address| json!({"static_configs": [{"targets": [address]}]}))
            .collect();
        Ok(json!({
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": self.rules,
            "alerting": {"alertmanagers": alertmanagers},
            "scrape_configs": [job],
        }))
    }
}

/// A running server; ended when dropped, and its data with it.
#[derive(Debug)]
pub struct Prometheus(Server);

/// A series and its value at the time of the query, as it is written.
#[derive(Debug)]
pub struct Series {
    /// Its labels, its name among them.
    pub labels: Value,
    /// Its value.
    pub value: String,
}

impl Prometheus {
    /// Starts `program` and waits until it is ready.
    pub fn start(program: &Path, setup: Setup<'_>, targets: &[SocketAddr]) -> Result<Self> {
        let config = setup.config(targets)?.to_string();
        let server = Server::start(program, |directory, address| {
            let file = directory.join("prometheus.yml");
            fs::write(&file, &config)?;
            let data = directory.join("data");
            let mut arguments = vec![
                format!("--config.file={}", file.display()).into(),
                format!("--storage.tsdb.path={}", data.display()).into(),
                format!("--web.listen-address={address}").into(),
                "--log.level=warn".into(),
            ];
            arguments.extend(setup.arguments.iter().map(Into::into));
            Ok(arguments)
        })?;
        Ok(Self(server))
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

    /// The values that a label has in series that match a selector, in order.
    pub fn label_values(&self, label: &str, selector: &str) -> Result<Vec<String>> {
        let data = self.get(&format!(
            "/api/v1/label/{label}/values?match[]={}",
            encoded(selector)
        ))?;
        serde_json::from_value(data).with_context(|| format!("values of {label} in {selector}"))
    }

    /// What the API says under `data`.
    pub fn get(&self, path: &str) -> Result<Value> {
        let (_, body) = self.0.get(path)?;
        ensure!(body["status"] == "success", "GET {path}: {body}");
        Ok(body["data"].clone())
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.0.addr()
    }

    /// What it has written: warnings and errors only.
    pub fn log(&self) -> String {
        self.0.log()
    }
}

/// The newest server, where it could be had; the test that is left out without it says so.
pub fn newest(test: &str) -> Result<Option<PathBuf>> {
    match tools::prometheus("3") {
        Ok(program) => Ok(Some(program)),
        Err(error) => {
            // Unlike what a macro prints, this is shown when the test has passed, too.
            writeln!(std::io::stderr(), "SKIP {test}: {error:#}")?;
            Ok(None)
        }
    }
}

/// An expression as part of a URL.
fn encoded(expression: &str) -> String {
    form_urlencoded::byte_serialize(expression.as_bytes()).collect()
}
