//! The two ways by which the exporter reads the kernel, so that a test can take both.

use anyhow::{Result, ensure};

use crate::lab::exporter::{Builder, Exporter};

/// Where the numbers come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// BPF passes.
    Pass,
    /// Files and netlink.
    Files,
}

impl Path {
    /// A builder of an exporter that takes this path.
    pub fn builder(self) -> Builder {
        match self {
            Self::Pass => Exporter::builder(),
            Self::Files => Exporter::builder().args(["--no-bpf"]),
        }
    }

    /// A running exporter that takes this path, and no other.
    pub fn exporter(self, config: &str) -> Result<Exporter> {
        let exporter = self.builder().config(config).start()?;
        self.is_taken(&exporter)?;
        Ok(exporter)
    }

    /// An error if the exporter takes another path.
    pub fn is_taken(self, exporter: &Exporter) -> Result<()> {
        let source = match self {
            Self::Pass => "bpf",
            Self::Files => "procfs",
        };
        let metrics = exporter.scrape()?;
        let states = metrics.matching(
            "kubeskoop_exporter_probe_state",
            &[("probe", "tcp"), ("source", source)],
        );
        ensure!(
            states.len() == 1,
            "tcp is not read from {source}: {}",
            exporter.log()
        );
        Ok(())
    }
}

/// Makes two tests of each function: one for each [`Path`].
#[macro_export]
macro_rules! on_both_paths {
    ($($test:ident),* $(,)?) => {
        mod by_pass {
            $(#[test]
            fn $test() -> anyhow::Result<()> {
                super::$test($crate::lab::path::Path::Pass)
            })*
        }
        mod by_files {
            $(#[test]
            fn $test() -> anyhow::Result<()> {
                super::$test($crate::lab::path::Path::Files)
            })*
        }
    };
}
