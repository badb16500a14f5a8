//! The keys of ACK Net Exporter, mapped onto those of today.

use super::cursor::Cursor;
use super::load::port;
use super::{Address, ConfigError, Warning};

/// What the older keys say.
#[derive(Debug)]
pub struct Older<'n> {
    pub probes: Cursor<'n>,
    pub interval: Cursor<'n>,
    pub verbose: Cursor<'n>,
    pub address: Option<Address>,
}

/// Each older key and the one that replaces it.
const REPLACED: [(&str, &str, &str); 5] = [
    ("metric_config", "interval", "use interval"),
    ("metric_config", "verbose", "use verbose"),
    ("metric_config", "probes", "use metrics.probes"),
    ("metric_config", "port", "use address"),
    ("event_config", "port", "it is ignored: there is no gRPC stream"),
];
const WITHOUT_EFFECT: [&str; 3] = ["probes", "loki_enable", "loki_address"];

impl<'n> Older<'n> {
    /// Reads them, with a warning for each that names the newer key.
    pub fn read(root: &Cursor<'n>) -> Result<(Self, Vec<Warning>), ConfigError> {
        let mut warnings = Vec::new();
        for (section, key, instead) in REPLACED {
            warn(&root.at(section)?.at(key)?, instead, &mut warnings);
        }
        for key in WITHOUT_EFFECT {
            let instead = "it has no effect: this version sends no events";
            warn(&root.at("event_config")?.at(key)?, instead, &mut warnings);
        }
        let metric = root.at("metric_config")?;
        let older = Self {
            probes: metric.at("probes")?.without_empty_list(),
            interval: metric.at("interval")?,
            verbose: metric.at("verbose")?,
            address: port(&metric.at("port")?)?,
        };
        Ok((older, warnings))
    }
}

fn warn(at: &Cursor<'_>, instead: &str, warnings: &mut Vec<Warning>) {
    if at.is_some() {
        let message = format!("{} is a key of an older product: {instead}", at.path());
        warnings.push(Warning {
            line: at.line(),
            message,
        });
    }
}
