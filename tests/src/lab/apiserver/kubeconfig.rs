//! A kubeconfig file: how a client outside of a cluster finds a server.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::ApiServer;

/// The file, and beside it one with a token; removed when dropped.
#[derive(Debug)]
pub struct Kubeconfig {
    directory: TempDir,
}

impl Kubeconfig {
    /// Leads to `server`, with its token in a file of its own that can change.
    pub fn with_token_file(server: &ApiServer) -> Result<Self> {
        let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
        let kubeconfig = Self { directory };
        kubeconfig.set_token(server.token())?;
        kubeconfig.write(server, &json!({"tokenFile": kubeconfig.token_path()}))?;
        Ok(kubeconfig)
    }

    /// Leads to `server`, with `user` as it stands under `users`.
    pub fn with_user(server: &ApiServer, user: &Value) -> Result<Self> {
        let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
        let kubeconfig = Self { directory };
        kubeconfig.write(server, user)?;
        Ok(kubeconfig)
    }

    /// Where it is, for `KUBECONFIG`.
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("config")
    }

    /// Puts another token into the file, as a kubelet renews it.
    pub fn set_token(&self, token: &str) -> Result<()> {
        let next = self.directory.path().join("next");
        fs::write(&next, token)?;
        fs::rename(&next, self.token_path()).context("cannot change the token")
    }

    fn token_path(&self) -> PathBuf {
        self.directory.path().join("token")
    }

    fn write(&self, server: &ApiServer, user: &Value) -> Result<()> {
        let mut cluster = json!({"server": server.url()});
        if let Some(authority) = server.authority() {
            let file = self.directory.path().join("ca.crt");
            fs::write(&file, authority)?;
            cluster["certificate-authority"] = json!(file);
        }
        // JSON is YAML.
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "it",
            "clusters": [{"name": "it", "cluster": cluster}],
            "users": [{"name": "it", "user": user}],
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        });
        fs::write(self.path(), config.to_string()).context("cannot write a kubeconfig")
    }
}
