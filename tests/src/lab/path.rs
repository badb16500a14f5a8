//! The two ways by which the exporter reads the kernel, so that a test can take both.

use anyhow::{Result, ensure};

use crate::lab::exporter::{Builder, Exporter};

/// Probes that a pass serves where there is one.
const PASSED: [&str; 9] = [
    "tcp",
    "udp",
    "tcpext",
    "ip",
    "conntrack",
    "sock",
    "tcpsummary",
    "io",
    "fd",
];

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
        let metrics = exporter.scrape()?;
        let mut taken = 0;
        for state in metrics.samples("kubeskoop_exporter_probe_state") {
            let label = |name: &str| state.label(name).unwrap_or_default();
            let (probe, source) = (label("probe"), label("source"));
            if PASSED.contains(&probe) {
                let is_by_pass = source == "bpf";
                ensure!(
                    is_by_pass == (self == Self::Pass),
                    "{probe} is read from {source}: {}",
                    exporter.log()
                );
                taken += 1;
            }
        }
        ensure!(taken > 0, "there is no probe that has a choice");
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
