//! Where the API server is, and who we are to it.

use std::path::Path;
use std::time::Duration;

use hyper::header::{HeaderValue, USER_AGENT};
use kube::client::AuthError;
use kube::config::{InClusterError, KubeConfigOptions, KubeconfigError};
use kube::{Client, Config};

use crate::metrics::own::VERSION;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TOKEN_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// Why there is no way to an API server.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    #[error(
        "there is no API server to ask: not in a cluster (KUBERNETES_SERVICE_HOST and a service account's token), \
         and KUBECONFIG names no file"
    )]
    Nowhere,
    #[error("the service account cannot be used")]
    ServiceAccount(#[from] InClusterError),
    #[error("the file that KUBECONFIG names cannot be used: {0}")]
    Kubeconfig(String),
    #[error("the credential plugin {0} has failed")]
    Plugin(String),
    #[error("no client can be made")]
    Client(#[source] kube::Error),
    #[error("no client was made")]
    Interrupted(#[from] tokio::task::JoinError),
}

/// What is wrong with the file, without a word of it: there are passwords in it.
impl From<KubeconfigError> for AccessError {
    fn from(error: KubeconfigError) -> Self {
        match error {
            KubeconfigError::Parse(_) => Self::Kubeconfig("it is not what it must be".into()),
            other => Self::Kubeconfig(other.to_string()),
        }
    }
}

/// What is wrong, without a word of what a plugin has said: there could be a token in it.
impl From<kube::Error> for AccessError {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Auth(AuthError::AuthExecRun { cmd, .. }) => Self::Plugin(cmd),
            kube::Error::Auth(AuthError::AuthExecParse(_)) => Self::Plugin("of the kubeconfig".into()),
            other => Self::Client(other),
        }
    }
}

/// Whether this process runs in a pod that may ask the API server.
pub fn is_in_cluster() -> bool {
    is_set("KUBERNETES_SERVICE_HOST") && Path::new(TOKEN_FILE).exists()
}

fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}

/// A client that has read certificates and token anew.
pub async fn client() -> Result<Client, AccessError> {
    let mut config = if is_in_cluster() {
        Config::incluster()?
    } else if is_set("KUBECONFIG") {
        Config::from_kubeconfig(&KubeConfigOptions::default()).await?
    } else {
        return Err(AccessError::Nowhere);
    };
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    // Whoever calls waits between attempts, and has to know of each that failed.
    config.default_retry = false;
    if let Ok(agent) = HeaderValue::from_str(&format!("kubeskoop-exporter/{VERSION}")) {
        config.headers.push((USER_AGENT, agent));
    }
    // A plugin may have to be run for credentials.
    let client = tokio::task::spawn_blocking(move || Client::try_from(config)).await?;
    Ok(client?)
}
