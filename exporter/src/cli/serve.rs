//! `serve`: wires configuration, collector and server, and keeps them so until told to end.

mod reload;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use arc_swap::ArcSwap;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use super::{Common, logging, own_pod};
use crate::collector::{Collection, Collector, Engine};
use crate::config::watch::FileWatch;
use crate::config::{self, Loaded, default_path};
use crate::kernel::allocator::give_back_large_buffers;
use crate::kernel::own_process;
use crate::kernel::procfs::ProcFs;
use crate::node::{EntityKind, PodWatch};
use crate::server::{InForce, Listener, Router, Server};
use reload::Reloader;

/// How much of the second after SIGTERM the requests being served may take. The rest is for the end
/// of the process itself on a machine that is busy.
const FINISH: Duration = Duration::from_millis(600);

/// Runs until SIGTERM or SIGINT.
pub fn serve(common: &Common) -> anyhow::Result<()> {
    give_back_large_buffers();
    let level = logging::init(common.log_format);
    // Before the file is read: no change of it goes unseen.
    let file = FileWatch::new(common.config.as_deref().unwrap_or(default_path()));
    let loaded = config::load(common.config.as_deref(), &common.overrides())?;
    let procfs = common.proc_fs()?;
    own_process::raise_open_file_limit();
    level.set_debug(loaded.config.debug_mode);
    log_loaded(&loaded);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let done = runtime.block_on(run(common, file, loaded, procfs, level));
    // A read that hangs in the kernel must not keep the process.
    runtime.shutdown_background();
    done
}

async fn run(
    common: &Common,
    mut file: FileWatch,
    loaded: Loaded,
    procfs: ProcFs,
    level: logging::LogLevel,
) -> anyhow::Result<()> {
    let mut stop = Stop::new()?;
    let mut hang_up = signal(SignalKind::hangup())?;
    // The name of a host may take long to resolve.
    let listener = tokio::select! {
        listener = Listener::bind(&loaded.config.address) => listener?,
        () = stop.requested() => return Ok(()),
    };
    let url = listener.url();
    let pods = PodWatch::start(loaded.config.pod_watch());
    let engine = Engine::new(procfs, own_pod(), !common.no_bpf, pods.names());
    let collector = Collector::start(engine).context("cannot start the collector")?;
    let in_force = Arc::new(ArcSwap::from_pointee(in_force(loaded)));
    let (requests, mut reloads) = mpsc::channel(1);
    let router = Arc::new(Router::new(
        Arc::clone(&in_force),
        collector.clone(),
        pods.names(),
        requests,
    ));
    let server = Server::start(listener, Arc::clone(&router));
    tracing::info!("listening on {url}");
    tokio::spawn(announce(collector, Arc::clone(&in_force)));
    let mut reloader = Reloader::new(common.clone(), in_force, router, server, pods, level);
    loop {
        let reply = tokio::select! {
            () = stop.requested() => break,
            _ = hang_up.recv() => None,
            () = file.changed() => None,
            Some(reply) = reloads.recv() => Some(reply),
        };
        let outcome = tokio::select! {
            outcome = reloader.reload() => outcome,
            () = stop.requested() => break,
        };
        if let Some(reply) = reply {
            let _ = reply.send(outcome);
        }
    }
    tracing::info!("ending");
    reloader.into_server().finish(FINISH).await;
    Ok(())
}

/// SIGTERM and SIGINT.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn requested(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// The first collection at once: readiness does not wait for a scrape, and the log says what was found.
async fn announce(collector: Collector, in_force: Arc<ArcSwap<InForce>>) {
    let config = Arc::clone(&in_force.load().config);
    match collector.collection(&config, None).await {
        Ok(collection) => log_found(&collection),
        Err(error) => tracing::error!(%error, "the first collection failed"),
    }
}

fn log_found(collection: &Collection) {
    let entities = &collection.entities;
    tracing::info!(
        namespaces = entities.all().filter(|it| it.has_netns()).count(),
        pods = entities
            .pods
            .map_or_else(|| entities.count(EntityKind::Pod), |pods| pods.exported),
        series = collection.probes.iter().map(|probe| probe.status.series).sum::<usize>(),
        took = ?collection.duration,
        "found"
    );
    for problem in &entities.problems {
        tracing::warn!("{problem}");
    }
}

fn log_loaded(loaded: &Loaded) {
    match &loaded.file {
        Some(file) => tracing::info!(file = %file.display(), "configuration loaded"),
        None => tracing::info!("no configuration file, the built-in defaults hold"),
    }
    loaded
        .warnings
        .iter()
        .for_each(|warning| tracing::warn!("configuration, {warning}"));
    loaded
        .notes
        .iter()
        .for_each(|note| tracing::info!("configuration: {note}"));
}

fn in_force(loaded: Loaded) -> InForce {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    InForce {
        config: Arc::new(loaded.config.clone()),
        loaded,
        since,
        rejected: None,
    }
}
