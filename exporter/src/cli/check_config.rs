//! `check-config`: what a file means, without running it.

use std::path::Path;

use super::{Common, print};
use crate::config;

/// Prints warnings to standard error and the configuration that would be in force to standard output.
pub fn check(file: &Path, common: &Common) -> anyhow::Result<()> {
    let loaded = config::load(Some(file), &common.overrides())?;
    for warning in &loaded.warnings {
        eprintln!(
            "{}:{}: warning: {}",
            file.display(),
            warning.line,
            warning.message
        );
    }
    for note in &loaded.notes {
        eprintln!("{}: {note}", file.display());
    }
    print(&loaded.config.to_yaml()?)
}
