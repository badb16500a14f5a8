//! Which path is answered with what.

mod negotiation;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_ENCODING, HeaderMap, HeaderValue, VARY};
use hyper::{Method, Request, StatusCode};
use tokio::sync::{mpsc, oneshot};

use super::answer::{Answer, json, text, with_type};
use super::exposition::{self, Format, Surroundings};
use super::status::{ExpositionStatus, status};
use super::{SharedConfig, debug};
use crate::collector::Collector;
use crate::config::Kubernetes;
use crate::kernel::own_process::{self, thread_cpu};
use crate::node::PodNames;
use crate::probes::catalogue::{self, Known};

/// How a reload went: what is in force now, or why nothing changed.
pub type ReloadOutcome = Result<String, String>;
/// A request to reload.
pub type Reload = oneshot::Sender<ReloadOutcome>;

const INDEX: &str = "<!DOCTYPE html>
<html lang=\"en\"><head><meta charset=\"utf-8\"><title>kubeskoop-exporter</title></head><body>
<h1>kubeskoop-exporter</h1>
<ul>
<li><a href=\"metrics\">/metrics</a>: the numbers, for Prometheus</li>
<li><a href=\"status\">/status</a>: every probe with its state and reason</li>
<li><a href=\"config\">/config</a>: the configuration in force</li>
<li><a href=\"healthz\">/healthz</a>, <a href=\"readyz\">/readyz</a>: for the kubelet</li>
</ul>
</body></html>
";
/// Scrapers say how long they wait.
const SCRAPE_TIMEOUT: &str = "x-prometheus-scrape-timeout-seconds";

/// Answers requests.
#[derive(Debug)]
pub struct Router {
    config: SharedConfig,
    collector: Collector,
    names: PodNames,
    reload: mpsc::Sender<Reload>,
    in_flight: AtomicU64,
    started: Duration,
    exposition: Mutex<Option<ExpositionStatus>>,
}

impl Router {
    /// A router over the configuration in force and the pods as they are known. Requests to reload
    /// go to `reload`.
    pub fn new(
        config: SharedConfig,
        collector: Collector,
        names: PodNames,
        reload: mpsc::Sender<Reload>,
    ) -> Self {
        let started = own_process::start_time().unwrap_or_default();
        Self {
            config,
            collector,
            names,
            reload,
            in_flight: AtomicU64::new(0),
            started,
            exposition: Mutex::new(None),
        }
    }

    /// Answers one request; `is_local` if it comes from this host.
    pub async fn answer(&self, request: Request<Incoming>, is_local: bool) -> Answer {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        let _served = Served(&self.in_flight);
        let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
        let is_post = path == "/-/reload";
        let allowed: &[Method] = if is_post {
            &[Method::POST]
        } else {
            &[Method::GET, Method::HEAD]
        };
        if !allowed.contains(request.method()) {
            return not_allowed(is_post);
        }
        match path {
            "/metrics" => self.metrics(query, request.headers()).await,
            "/healthz" => text(StatusCode::OK, "ok"),
            "/readyz" => self.ready().await,
            "/status" => {
                let exposition = *self.exposition.lock().unwrap_or_else(PoisonError::into_inner);
                json(&status(
                    &self.config.load(),
                    self.names.status(),
                    self.collector.latest().as_deref(),
                    exposition,
                ))
            }
            "/config" => self.in_force(),
            "/" => with_type(StatusCode::OK, "text/html; charset=utf-8", INDEX),
            "/-/reload" if is_local || self.is_debugging() => self.reload().await,
            "/-/reload" => text(
                StatusCode::FORBIDDEN,
                "only from loopback, unless debugMode is on",
            ),
            _ if path.starts_with("/debug/") && self.is_debugging() => {
                self.debug(path, query, is_local).await
            }
            _ => text(StatusCode::NOT_FOUND, "not found; / lists what there is"),
        }
    }

    async fn metrics(&self, query: &str, headers: &HeaderMap) -> Answer {
        let only = match wanted_probes(query) {
            Ok(only) => only,
            Err(reason) => return text(StatusCode::BAD_REQUEST, reason),
        };
        let in_force = self.config.load_full();
        let collection = match self
            .collector
            .collection(&in_force.config, scrape_timeout(headers))
            .await
        {
            Ok(collection) => collection,
            Err(error) => return text(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
        };
        let surroundings = Surroundings {
            reload_successful: in_force.rejected.is_none(),
            reloaded: in_force.since,
            requests_in_flight: self.in_flight.load(Ordering::Relaxed),
            started: self.started,
            watch_in_sync: self.names.status().map(|it| it.in_sync),
        };
        let format = negotiation::format(headers);
        let compress = negotiation::accepts_gzip(headers);
        let written = tokio::task::spawn_blocking(move || {
            let cpu = thread_cpu();
            let body = exposition::write(format, &collection, surroundings, &only);
            let bytes = body.len();
            let body = if compress {
                exposition::gzip(&body)
            } else {
                Ok(body)
            };
            let cpu_seconds = thread_cpu().saturating_sub(cpu).as_secs_f64();
            body.map(|body| (body, ExpositionStatus { cpu_seconds, bytes }))
        });
        match written.await {
            Ok(Ok((body, took))) => {
                *self.exposition.lock().unwrap_or_else(PoisonError::into_inner) = Some(took);
                exposition_answer(body, format, compress)
            }
            Ok(Err(error)) => text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
            Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        }
    }

    async fn ready(&self) -> Answer {
        let in_force = self.config.load_full();
        if in_force.config.kubernetes == Kubernetes::Required
            && let Some(reason) = self.names.status().and_then(|it| it.reason)
        {
            return text(
                StatusCode::SERVICE_UNAVAILABLE,
                format!("not ready: pods are not in sync: {reason}"),
            );
        }
        match self.collector.latest() {
            Some(_) => text(StatusCode::OK, "ready"),
            None => match self.collector.collection(&in_force.config, None).await {
                Ok(_) => text(StatusCode::OK, "ready"),
                Err(error) => text(StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {error}")),
            },
        }
    }

    fn in_force(&self) -> Answer {
        match self.config.load().config.to_yaml() {
            Ok(yaml) => with_type(StatusCode::OK, "application/yaml", yaml),
            Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        }
    }

    async fn reload(&self) -> Answer {
        let (reply, outcome) = oneshot::channel();
        let _ = self.reload.send(reply).await;
        match outcome.await {
            Ok(Ok(what)) => text(StatusCode::OK, what),
            Ok(Err(reason)) => text(StatusCode::UNPROCESSABLE_ENTITY, reason),
            Err(_) => text(StatusCode::SERVICE_UNAVAILABLE, "the exporter is ending"),
        }
    }

    async fn debug(&self, path: &str, query: &str, is_local: bool) -> Answer {
        if !is_local {
            return text(StatusCode::FORBIDDEN, "only from loopback");
        }
        match path {
            "/debug/entities" => debug::entities(self.collector.latest().as_deref()),
            "/debug/pprof/profile" => debug::profile(query).await,
            _ => text(
                StatusCode::NOT_FOUND,
                "there is /debug/entities and /debug/pprof/profile?seconds=N",
            ),
        }
    }

    fn is_debugging(&self) -> bool {
        self.config.load().config.debug_mode
    }
}

/// A request that is answered, or whose client has gone.
struct Served<'a>(&'a AtomicU64);

impl Drop for Served<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn not_allowed(is_post: bool) -> Answer {
    let allow = if is_post { "POST" } else { "GET, HEAD" };
    let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, format!("use {allow}"));
    answer
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(allow));
    answer
}

fn exposition_answer(body: Vec<u8>, format: Format, is_compressed: bool) -> Answer {
    let mut answer = with_type(StatusCode::OK, format.content_type(), body);
    answer
        .headers_mut()
        .insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    if is_compressed {
        answer
            .headers_mut()
            .insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    answer
}

/// The probes that `?probe=tcp&probe=udp` names; none for all.
fn wanted_probes(query: &str) -> Result<Vec<&'static str>, String> {
    let names = query.split('&').filter_map(|pair| pair.strip_prefix("probe="));
    names
        .map(|name| match catalogue::find(name) {
            Some(Known::Built(spec)) => Ok(spec.name),
            Some(Known::Planned(name)) => Ok(name),
            None => Err(format!("there is no probe {name:?}")),
        })
        .collect()
}

fn scrape_timeout(headers: &HeaderMap) -> Option<Duration> {
    let seconds: f64 = headers.get(SCRAPE_TIMEOUT)?.to_str().ok()?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}
