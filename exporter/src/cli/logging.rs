//! The log on standard error, whose level a reload can change.

use std::io::IsTerminal;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;
use tracing_subscriber::reload::Handle;
use tracing_subscriber::{Registry, fmt, reload};

use super::LogFormat;

/// Changes the level of the log.
#[derive(Debug, Clone)]
pub struct LogLevel {
    handle: Handle<Targets, Registry>,
}

impl LogLevel {
    /// Debug logs on or off.
    pub fn set_debug(&self, on: bool) {
        let _ = self.handle.reload(targets(on));
    }
}

fn targets(debug: bool) -> Targets {
    let level = if debug {
        LevelFilter::DEBUG
    } else {
        LevelFilter::INFO
    };
    // Of libraries only what goes wrong. The client of the API server would log each attempt that fails,
    // and what it cannot decode; the pod watch says itself what is wrong.
    Targets::new()
        .with_target("kube_client", LevelFilter::OFF)
        .with_default(LevelFilter::WARN)
        .with_target(env!("CARGO_CRATE_NAME"), level)
}

/// Begins to log.
pub fn init(format: LogFormat) -> LogLevel {
    let (filter, handle) = reload::Layer::new(targets(false));
    let writer = || std::io::stderr();
    let registry = tracing_subscriber::registry().with(filter);
    match format {
        LogFormat::Text => {
            let ansi = std::io::stderr().is_terminal();
            registry
                .with(
                    fmt::layer()
                        .with_writer(writer)
                        .with_ansi(ansi)
                        .with_target(false),
                )
                .init();
        }
        LogFormat::Json => registry
            .with(fmt::layer().json().with_writer(writer).with_target(false))
            .init(),
    }
    LogLevel { handle }
}
