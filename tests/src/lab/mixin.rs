//! The mixin as one who uses it has it: imported, with settings of their own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::lab::command::output;
use crate::lab::tools::workspace_root;

/// Renders alerts and records with some of `_config` overridden into files of `directory`, for
/// Prometheus.
pub fn rules(directory: &Path, config: &Value) -> Result<Vec<PathBuf>> {
    ["prometheusAlerts", "prometheusRules"]
        .into_iter()
        .map(|part| {
            let file = directory.join(format!("{part}.json"));
            let program = format!("((import 'mixin.libsonnet') + {{ _config+:: {config} }}).{part}");
            let library = workspace_root()?.join("mixin");
            let mut jsonnet = Command::new("jsonnet");
            jsonnet
                .arg("--jpath")
                .arg(library)
                .arg("--output-file")
                .arg(&file);
            output(jsonnet.args(["--exec", &program])).context(part)?;
            Ok(file)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use serde_json::json;

    use super::*;

    #[test]
    fn settings_are_those_of_the_user() {
        let directory = tempfile::tempdir().unwrap();
        let config = json!({"rateInterval": "7s", "listenDropsCount": 1234});
        let texts: Vec<String> = rules(directory.path(), &config)
            .unwrap()
            .into_iter()
            .map(|file| fs::read_to_string(file).unwrap())
            .collect();
        assert!(texts[0].contains("[7s])) >= 1234"), "{}", texts[0]);
        assert!(texts[1].contains(":sum_rate7s\""), "{}", texts[1]);
    }
}
