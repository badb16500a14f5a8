//! Where the API server is, and who we are to it.

use std::path::Path;
use std::time::Duration;

use hyper::header::{HeaderValue, USER_AGENT};
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
    #[error("the file that KUBECONFIG names cannot be used")]
    Kubeconfig(#[from] KubeconfigError),
    #[error("no client can be made")]
    Client(#[source] kube::Error),
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
    Client::try_from(config).map_err(AccessError::Client)
}
