//! A real Alertmanager.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::lab::http;
use crate::lab::server::Server;
use crate::lab::tools;

/// A running server; ended when dropped, and its data with it.
#[derive(Debug)]
pub struct Alertmanager(Server);

/// An alert that has arrived and has not ended.
#[derive(Clone, Debug, Deserialize)]
pub struct Alert {
    /// Its labels, its name among them.
    pub labels: BTreeMap<String, String>,
    /// What it says.
    pub annotations: BTreeMap<String, String>,
    /// Whether somebody would be told of it.
    pub status: Status,
}

/// What becomes of an alert.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// `active` or `suppressed`.
    pub state: String,
    /// The alerts beside which it is not told.
    pub inhibited_by: Vec<String>,
}

impl Alert {
    /// Its name.
    pub fn name(&self) -> &str {
        self.label("alertname")
    }

    /// A label, which is empty where there is none.
    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }

    /// Whether it has all these labels.
    pub fn has(&self, labels: &[(&str, &str)]) -> bool {
        labels.iter().all(|(name, value)| self.label(name) == *value)
    }
}

impl Alertmanager {
    /// Starts one with a configuration and waits until it is ready. It has no peers.
    pub fn start(config: &str) -> Result<Self> {
        let program = tools::alertmanager()?;
        let share = program.with_file_name("share");
        let server = Server::start(Path::new("unshare"), |directory, address| {
            let file = directory.join("alertmanager.yml");
            fs::write(&file, config)?;
            let data = directory.join("data");
            Ok(vec![
                // It sees its templates where Debian has it read them.
                "--mount".into(),
                "sh".into(),
                "-c".into(),
                "[ ! -d \"$0\" ] || mount --bind \"$0\" /usr/share && exec \"$@\"".into(),
                share.clone().into(),
                program.clone().into(),
                format!("--config.file={}", file.display()).into(),
                format!("--storage.path={}", data.display()).into(),
                format!("--web.listen-address={address}").into(),
                "--cluster.listen-address=".into(),
                "--log.level=warn".into(),
            ])
        })?;
        Ok(Self(server))
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.0.addr()
    }

    /// Sends it alerts, each with its labels.
    pub fn send<'a>(&self, alerts: impl IntoIterator<Item = &'a BTreeMap<String, String>>) -> Result<()> {
        let alerts: Vec<Value> = alerts
            .into_iter()
            .map(|labels| json!({ "labels": labels }))
            .collect();
        let answer = http::post_json(self.addr(), "/api/v2/alerts", &Value::from(alerts).to_string())?;
        ensure!(answer.status == 200, "{}: {}", answer.status, answer.body);
        Ok(())
    }

    /// The alerts that have arrived and have not ended, those that are inhibited too.
    pub fn alerts(&self) -> Result<Vec<Alert>> {
        let alerts = self.0.get_ok("/api/v2/alerts")?;
        serde_json::from_value(alerts.clone()).with_context(|| alerts.to_string())
    }

    /// What it has written: warnings and errors only.
    pub fn log(&self) -> String {
        self.0.log()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::process::Command;

    use super::*;
    use crate::lab::command::output;

    #[test]
    fn an_alert_that_is_added_has_arrived() {
        let config = "{route: {receiver: nobody}, receivers: [{name: nobody}], inhibit_rules: \
                      [{source_matchers: [alertname=A], target_matchers: [alertname=B], equal: [pod]}]}";
        let alertmanager = Alertmanager::start(config).unwrap();
        for (name, pod) in [("A", "pod=x"), ("B", "pod=x"), ("B", "pod=y")] {
            let url = format!("--alertmanager.url=http://{}", alertmanager.addr());
            let mut amtool = Command::new(tools::amtool().unwrap());
            output(amtool.args([&url, "alert", "add", name, pod])).unwrap();
        }
        let arrived = alertmanager.alerts().unwrap();
        assert_eq!(arrived.len(), 3, "{arrived:?}");
        let state = |labels: &[(&str, &str)]| {
            let found = arrived.iter().find(|alert| alert.has(labels)).unwrap();
            (found.status.state.as_str(), found.status.inhibited_by.len())
        };
        assert_eq!(state(&[("alertname", "A"), ("pod", "x")]), ("active", 0));
        assert_eq!(state(&[("alertname", "B"), ("pod", "x")]), ("suppressed", 1));
        assert_eq!(
            state(&[("alertname", "B"), ("pod", "y"), ("none", "")]),
            ("active", 0)
        );
        assert_eq!(arrived.iter().filter(|alert| alert.name() == "B").count(), 2);
    }
}
