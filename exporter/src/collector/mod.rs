//! Collections: one at a time, shared by everyone who asks, cached for the configured interval.
//!
//! A collection runs on threads of its own. A probe that fails or is late costs only itself.

mod collection;
mod engine;
mod group;
mod passes;
mod series;
#[cfg(test)]
mod tests;

pub use collection::{Collection, ProbeResult, ProbeState, ProbeStatus};
pub use engine::Engine;

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use tokio::sync::watch;

use crate::config::Config;

/// How long a probe may take before it is reported late.
const PROBE_DEADLINE: Duration = Duration::from_secs(5);
/// What a scraper needs after the collection, for the answer to arrive within its time-out.
const REPLY_TIME: Duration = Duration::from_millis(250);
const SHORTEST_DEADLINE: Duration = Duration::from_millis(50);
/// How much longer than the deadline a caller waits: the scan of the node comes before it.
const GRACE: Duration = Duration::from_secs(5);

/// Why there is no collection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CollectorError {
    /// The kernel did not answer in time.
    #[error("no collection finished within {0:?}")]
    Late(Duration),
    /// The collector has ended.
    #[error("the collector has ended")]
    Gone,
}

/// The one who collects, shared by all that ask.
#[derive(Debug, Clone)]
pub struct Collector {
    latest: watch::Receiver<Option<Arc<Collection>>>,
    requests: mpsc::Sender<Request>,
    in_flight: Arc<Mutex<bool>>,
}

#[derive(Debug)]
struct Request {
    config: Arc<Config>,
    deadline: Duration,
}

impl Collector {
    /// Starts the thread that collects.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn start(mut engine: Engine) -> std::io::Result<Self> {
        let (publish, latest) = watch::channel(None);
        let (requests, inbox) = mpsc::channel::<Request>();
        let in_flight = Arc::new(Mutex::new(false));
        let done = Arc::clone(&in_flight);
        std::thread::Builder::new()
            .name("collector".into())
            .spawn(move || {
                while let Ok(request) = inbox.recv() {
                    let collection = engine.collect(&request.config, request.deadline);
                    // Published under the lock: whoever asks next finds it, or asks for another.
                    let mut in_flight = lock(&done);
                    *in_flight = false;
                    publish.send_replace(Some(Arc::new(collection)));
                }
            })?;
        Ok(Self {
            latest,
            requests,
            in_flight,
        })
    }

    /// A collection under `config` no older than its interval. Whoever asks while one runs
    /// gets that one. `scrape_timeout` is how long the asker can wait.
    ///
    /// # Errors
    /// It does not finish in time.
    pub async fn collection(
        &self,
        config: &Arc<Config>,
        scrape_timeout: Option<Duration>,
    ) -> Result<Arc<Collection>, CollectorError> {
        let deadline = scrape_timeout
            .map_or(PROBE_DEADLINE, |it| it.saturating_sub(REPLY_TIME))
            .clamp(SHORTEST_DEADLINE, PROBE_DEADLINE);
        let patience = deadline + GRACE;
        let wait = async {
            let mut latest = self.latest.clone();
            if let Some(fresh) = self.fresh_or_ask(&mut latest, config, deadline)? {
                return Ok(fresh);
            }
            loop {
                latest.changed().await.map_err(|_| CollectorError::Gone)?;
                let newest = latest.borrow_and_update().clone();
                match newest {
                    // One that ran under a configuration no longer in force is not ours.
                    Some(newest) if Arc::ptr_eq(&newest.config, config) => return Ok(newest),
                    _ => self.ask(config, deadline)?,
                }
            }
        };
        tokio::time::timeout(patience, wait)
            .await
            .unwrap_or(Err(CollectorError::Late(patience)))
    }

    /// The last collection, however old.
    pub fn latest(&self) -> Option<Arc<Collection>> {
        self.latest.borrow().clone()
    }

    /// Under one lock, so that of many who ask at once only one starts a collection.
    fn fresh_or_ask(
        &self,
        latest: &mut watch::Receiver<Option<Arc<Collection>>>,
        config: &Arc<Config>,
        deadline: Duration,
    ) -> Result<Option<Arc<Collection>>, CollectorError> {
        let mut in_flight = lock(&self.in_flight);
        let newest = latest.borrow_and_update().clone();
        if let Some(fresh) = newest.filter(|it| it.is_fresh(config)) {
            return Ok(Some(fresh));
        }
        self.start_unless(&mut in_flight, config, deadline)?;
        Ok(None)
    }

    fn ask(&self, config: &Arc<Config>, deadline: Duration) -> Result<(), CollectorError> {
        self.start_unless(&mut lock(&self.in_flight), config, deadline)
    }

    fn start_unless(
        &self,
        in_flight: &mut bool,
        config: &Arc<Config>,
        deadline: Duration,
    ) -> Result<(), CollectorError> {
        if !*in_flight {
            let request = Request {
                config: Arc::clone(config),
                deadline,
            };
            self.requests.send(request).map_err(|_| CollectorError::Gone)?;
            *in_flight = true;
        }
        Ok(())
    }
}

fn lock(in_flight: &Mutex<bool>) -> std::sync::MutexGuard<'_, bool> {
    in_flight.lock().unwrap_or_else(PoisonError::into_inner)
}
