//! What is wrong with a configuration file, and where.

use std::fmt;
use std::path::PathBuf;

use super::Config;

/// A configuration that cannot be put in force.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// The file; none for the embedded defaults or the command line.
    pub file: Option<PathBuf>,
    /// The line, counted from 1; 0 where there is none.
    pub line: usize,
    /// The key, such as `metrics.probes[2].args`.
    pub key: String,
    /// What is wrong and what was expected.
    pub reason: String,
}

impl ConfigError {
    /// Of `key` at `line`.
    pub fn new(line: usize, key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            file: None,
            line,
            key: key.into(),
            reason: reason.into(),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}", file.display())?;
            if self.line > 0 {
                write!(f, ":{}", self.line)?;
            }
            f.write_str(": ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.reason)
    }
}

/// Something in the file that has no effect, or not the one its author may expect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The line, counted from 1.
    pub line: usize,
    /// What it is.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

/// A configuration with what was noticed while it was read.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Where it came from; none for the embedded defaults.
    pub file: Option<PathBuf>,
    /// What has no effect and should have one.
    pub warnings: Vec<Warning>,
    /// What is accepted and needs no action.
    pub notes: Vec<String>,
}
