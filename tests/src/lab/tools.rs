//! Programs that `make test` has put under `target/tools`.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, bail};

/// Where something is, or why it is nowhere, once that has been found out.
pub type Found = OnceLock<Result<PathBuf, String>>;

/// What `find` has found when it was first asked.
pub fn found_once(found: &Found, find: fn() -> Result<PathBuf>) -> Result<PathBuf> {
    found
        .get_or_init(|| find().map_err(|error| format!("{error:#}")))
        .clone()
        .map_err(|error| anyhow!(error))
}

/// The root of the workspace.
pub fn workspace_root() -> Result<PathBuf> {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map(Path::to_owned)
        .context("the crate of the tests stands in no workspace")
}

/// The program `target/tools/<path>`, such as `prometheus-2.42/promtool`.
pub fn tool(path: &str) -> Result<PathBuf> {
    let program = workspace_root()?.join("target/tools").join(path);
    if !program.is_file() {
        bail!("{} is missing: run make test", program.display());
    }
    Ok(program)
}

/// The promtool of a version of Prometheus, such as `2.42`.
pub fn promtool(version: &str) -> Result<PathBuf> {
    tool(&format!("prometheus-{version}/promtool"))
}

/// The server of a version of Prometheus, such as `2.42`.
pub fn prometheus(version: &str) -> Result<PathBuf> {
    tool(&format!("prometheus-{version}/prometheus"))
}

/// The server of Alertmanager.
pub fn alertmanager() -> Result<PathBuf> {
    tool("alertmanager/prometheus-alertmanager")
}

/// What comes with Alertmanager.
pub fn amtool() -> Result<PathBuf> {
    tool("alertmanager/amtool")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn finds_the_workspace() {
        let manifest = std::fs::read_to_string(workspace_root().unwrap().join("Cargo.toml")).unwrap();
        assert!(manifest.contains("[workspace]"));
    }

    #[test]
    fn a_missing_tool_says_what_to_run() {
        let error = promtool("0.0").unwrap_err().to_string();
        assert!(
            error.contains("target/tools/prometheus-0.0/promtool is missing: run make test"),
            "{error}"
        );
    }
}
