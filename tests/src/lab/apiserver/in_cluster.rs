//! What a process finds in a pod: variables that lead to the server, and files of its service account.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::ApiServer;
use crate::lab::exporter::Builder;

/// Hides what is under `/run` from the process and from nobody else: mounts go with their namespace.
/// `/var/run` is a link to `/run`, or a directory that is hidden likewise.
const ENTER: &str = r#"
set -e
account=$1
shift
mount -t tmpfs -o mode=755 tmpfs "$(readlink -f /var/run)"
mkdir -p /var/run/secrets/kubernetes.io/serviceaccount
mount --bind "$account" /var/run/secrets/kubernetes.io/serviceaccount
exec "$@"
"#;

/// The files; removed when dropped.
#[derive(Debug)]
pub struct InCluster {
    directory: TempDir,
    host: String,
    port: String,
}

impl InCluster {
    /// The service account `exporter` of the namespace `monitoring`, known to `server`, which must speak
    /// TLS.
    pub fn of(server: &ApiServer) -> Result<Self> {
        let authority = server.authority().context("the server does not speak TLS")?;
        let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
        fs::write(directory.path().join("ca.crt"), authority)?;
        fs::write(directory.path().join("namespace"), "monitoring")?;
        let account = Self {
            directory,
            host: server.addr().ip().to_string(),
            port: server.addr().port().to_string(),
        };
        account.set_token(server.token())?;
        Ok(account)
    }

    /// Where the files are for everybody else.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Puts another token into its file, as a kubelet renews it.
    pub fn set_token(&self, token: &str) -> Result<()> {
        let next = self.path().join("next");
        fs::write(&next, token)?;
        fs::rename(&next, self.path().join("token")).context("cannot change the token")
    }

    /// The variables that lead to the server.
    pub fn environment(&self) -> [(String, String); 2] {
        [
            ("KUBERNETES_SERVICE_HOST".to_owned(), self.host.clone()),
            ("KUBERNETES_SERVICE_PORT".to_owned(), self.port.clone()),
        ]
    }

    /// The words that run a command with the files where a pod has them.
    pub fn prefix(&self) -> Vec<String> {
        let account = self.path().display().to_string();
        let words = ["unshare", "--mount", "sh", "-c", ENTER, "sh", &account];
        words.map(str::to_owned).into()
    }

    /// Has an exporter run as in a pod of this account.
    pub fn runs(&self, exporter: Builder) -> Builder {
        exporter
            .wrap(self.prefix())
            .env("KUBERNETES_SERVICE_HOST", &self.host)
            .env("KUBERNETES_SERVICE_PORT", &self.port)
    }
}
