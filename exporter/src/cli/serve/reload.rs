//! Putting a changed configuration in force, whole or not at all.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::{in_force, log_loaded};
use crate::cli::Common;
use crate::cli::logging::LogLevel;
use crate::config::{self, Address, Loaded, default_path};
use crate::node::PodWatch;
use crate::server::{InForce, ListenError, Listener, ReloadOutcome, Router, Server, overlaps};

/// Holds everything a change of the configuration touches.
#[derive(Debug)]
pub struct Reloader {
    common: Common,
    in_force: Arc<ArcSwap<InForce>>,
    router: Arc<Router>,
    server: Server,
    pods: PodWatch,
    level: LogLevel,
}

impl Reloader {
    pub fn new(
        common: Common,
        in_force: Arc<ArcSwap<InForce>>,
        router: Arc<Router>,
        server: Server,
        pods: PodWatch,
        level: LogLevel,
    ) -> Self {
        Self {
            common,
            in_force,
            router,
            server,
            pods,
            level,
        }
    }

    pub fn into_server(self) -> Server {
        self.server
    }

    /// Loads the file again. What is in force stays if anything is wrong with it.
    pub async fn reload(&mut self) -> ReloadOutcome {
        match self.try_reload().await {
            Ok(what) => {
                tracing::info!("{what}");
                Ok(what)
            }
            Err(reason) => {
                tracing::error!("reload failed, the configuration in force stays: {reason}");
                let now = self.in_force.load_full();
                self.in_force.store(Arc::new(InForce {
                    loaded: now.loaded.clone(),
                    config: Arc::clone(&now.config),
                    since: now.since,
                    rejected: Some(reason.clone()),
                }));
                Err(reason)
            }
        }
    }

    async fn try_reload(&mut self) -> ReloadOutcome {
        let loaded = self.load()?;
        let address = self.in_force.load().config.address.clone();
        if loaded.config.address != address || !self.server.is_open() {
            self.rebind(&address, &loaded.config.address)
                .await
                .map_err(|error| error.to_string())?;
        }
        self.level.set_debug(loaded.config.debug_mode);
        Ok(self.store(loaded))
    }

    fn load(&self) -> Result<Loaded, String> {
        let path = self.common.config.as_deref();
        let file = path.unwrap_or(default_path());
        // Reading a pipe could wait without end, and with it everyone who is served.
        if std::fs::metadata(file).is_ok_and(|it| !it.is_file()) {
            return Err(format!("{}: it is no regular file", file.display()));
        }
        let loaded = config::load(path, &self.common.overrides()).map_err(|error| error.to_string())?;
        if loaded.file.is_none() && self.in_force.load().loaded.file.is_some() {
            return Err(format!("{}: it is gone", file.display()));
        }
        Ok(loaded)
    }

    fn store(&self, loaded: Loaded) -> String {
        log_loaded(&loaded);
        let now = self.in_force.load_full();
        let mut next = in_force(loaded);
        let is_same = *next.config == *now.config;
        if is_same {
            // Collections under the same configuration stay valid.
            next.config = Arc::clone(&now.config);
        }
        self.pods.configure(next.config.pod_watch());
        self.in_force.store(Arc::new(next));
        let what = if is_same {
            "configuration reloaded, nothing changed"
        } else {
            "configuration reloaded"
        };
        what.to_owned()
    }

    /// Serves on `new` instead of `old`. If both cannot be bound at once the old one goes first,
    /// and comes back if the new one cannot be had.
    async fn rebind(&mut self, old: &Address, new: &Address) -> Result<(), ListenError> {
        let mut bound = Listener::bind(new).await;
        if bound.as_ref().is_err_and(ListenError::is_taken) && overlaps(old, new) {
            self.server.close().await;
            bound = Listener::bind(new).await;
        }
        match bound {
            Ok(listener) => {
                self.serve_on(listener).await;
                Ok(())
            }
            Err(error) => {
                self.restore(old).await;
                Err(error)
            }
        }
    }

    async fn restore(&mut self, old: &Address) {
        if self.server.is_open() {
            return;
        }
        match Listener::bind(old).await {
            Ok(listener) => self.serve_on(listener).await,
            Err(error) => tracing::error!("nobody is served until a reload succeeds: {error}"),
        }
    }

    async fn serve_on(&mut self, listener: Listener) {
        let url = listener.url();
        let mut old = std::mem::replace(
            &mut self.server,
            Server::start(listener, Arc::clone(&self.router)),
        );
        old.close().await;
        tracing::info!("listening on {url}");
    }
}
