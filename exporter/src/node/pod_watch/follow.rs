//! The conversation with the API server: a list, a watch from where the list ended, and what to do
//! when either fails.
//!
//! Lists are answered from the cache of the API server (`resourceVersion` of 0, or that of the last
//! answer so that time does not run backwards), which has an index of nodes: no exporter makes the
//! store behind it go over the pods of the whole cluster. Whoever looks for an unknown pod has the
//! watch begin anew with a list, which also replaces a watch that hangs unnoticed.

use std::error::Error;
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use kube::Client;
use kube::api::{ListParams, Request, VersionMatch, WatchEvent, WatchParams};
use kube::core::Status;
use tokio::sync::watch;
use tokio::time::Instant;

use super::access::{self, AccessError};
use super::backoff::Backoff;
use super::object::{PodList, PodObject};
use super::{PodNames, WatchSettings};
use crate::node::Pods;

const PODS: &str = "/api/v1/pods";
/// How long the answer to a list, or the begin of a watch, may take.
const ANSWER: Duration = Duration::from_secs(30);
/// After how long the API server is asked to end a watch, so that one that hangs is found out; at
/// random, since the watches of a cluster that began together would end together.
const WATCH_SECONDS: std::ops::Range<u32> = 120..180;
/// How much later than asked a watch may end.
const GRACE: Duration = Duration::from_secs(10);
/// A watch that ends sooner has failed.
const SHORTEST_WATCH: Duration = Duration::from_secs(1);
/// What a watch that has stood so long is followed by has nothing to do with what was before it.
const STEADY_WATCH: Duration = Duration::from_secs(10);
/// The state that was asked for is too old, or is not reached: `Gone`, and `Timeout` of a cluster
/// that was restored from an earlier state.
const UNKNOWN_VERSION: [u16; 2] = [410, 504];
/// Unknown pods that turn up one after another are looked for together.
const LISTS_APART: Duration = Duration::from_millis(500);

const LONGEST_REASON: usize = 400;
const LIST: &str = "listing pods";
const WATCH: &str = "watching pods";

/// Why the watch is not in sync.
#[derive(Debug, thiserror::Error)]
enum WatchError {
    #[error(transparent)]
    Access(#[from] AccessError),
    #[error("{what}: {} ({})", status.message, status.code)]
    Refused { what: &'static str, status: Box<Status> },
    #[error("{what}")]
    Failed { what: &'static str, source: kube::Error },
    #[error("{what}: the answer is not what it must be")]
    NotUnderstood {
        what: &'static str,
        source: serde_json::Error,
    },
    #[error("{what}: no answer within {} s", ANSWER.as_secs())]
    Late { what: &'static str },
    #[error("the watch has ended as soon as it had begun")]
    EndedAtOnce,
    #[error("the watch has not ended in time and says nothing")]
    Silent,
}

/// Keeps `names` up to date for as long as there are settings.
pub async fn follow(names: PodNames, mut settings: watch::Receiver<WatchSettings>) {
    loop {
        let wanted = settings.borrow_and_update().clone();
        names.begin_anew(wanted.is_wanted);
        let follow = async {
            if wanted.is_wanted {
                Follower::new(&names, &wanted.node_name).run().await;
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = follow => {}
            changed = settings.changed() => if changed.is_err() { return },
        }
    }
}

struct Follower<'a> {
    names: &'a PodNames,
    selector: String,
    /// Where the watch goes on; none if a list is due.
    version: Option<String>,
    /// The newest state that was told of: no list may be older.
    newest: Option<String>,
    /// When another list may be asked for.
    next_list: Instant,
    backoff: Backoff,
}

/// How a watch came to its end.
enum End {
    AsAsked,
    /// As happens when an API server or a balancer in between restarts.
    Early,
    SomebodyLooks,
}

impl<'a> Follower<'a> {
    fn new(names: &'a PodNames, node_name: &str) -> Self {
        Self {
            names,
            selector: format!("spec.nodeName={node_name}"),
            version: None,
            newest: None,
            next_list: Instant::now(),
            backoff: Backoff::new(),
        }
    }

    async fn run(&mut self) {
        loop {
            let Err(error) = self.talk().await;
            if !matches!(error, WatchError::Failed { what: WATCH, .. } | WatchError::Silent) {
                self.version = None;
            }
            if let WatchError::Refused { what: LIST, status } = &error
                && UNKNOWN_VERSION.contains(&status.code)
            {
                self.newest = None;
            }
            let pause = self.backoff.after_failure(asked_for(&error));
            self.names.in_trouble(in_words(&error));
            tokio::time::sleep(pause).await;
        }
    }

    /// Lists and watches until something fails. What fails is tried with another client: a new
    /// connection, and certificates and token read anew.
    async fn talk(&mut self) -> Result<std::convert::Infallible, WatchError> {
        let client = access::client().await?;
        loop {
            let version = match self.version.take() {
                Some(version) => version,
                None => self.list(&client).await?,
            };
            self.version = Some(version.clone());
            match self.watch(&client, &version).await? {
                End::AsAsked => {}
                End::Early => {
                    let pause = self.backoff.after_failure(None);
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = self.names.look_wanted() => self.version = None,
                    }
                }
                End::SomebodyLooks => {
                    self.version = None;
                    tokio::time::sleep_until(self.next_list).await;
                }
            }
        }
    }

    async fn list(&mut self, client: &Client) -> Result<String, WatchError> {
        self.names.list_begins();
        self.next_list = Instant::now() + LISTS_APART;
        let parameters = ListParams {
            field_selector: Some(self.selector.clone()),
            version_match: Some(VersionMatch::NotOlderThan),
            resource_version: Some(self.newest.clone().unwrap_or_else(|| "0".into())),
            ..ListParams::default()
        };
        let request = Request::new(PODS)
            .list(&parameters)
            .map_err(|error| failed(LIST, kube::Error::BuildRequest(error)))?;
        let text = in_time(LIST, client.request_text(request)).await?;
        let list: PodList =
            serde_json::from_str(&text).map_err(|source| WatchError::NotUnderstood { what: LIST, source })?;
        drop(text);
        let version = list.metadata.resource_version;
        self.newest = Some(version.clone());
        self.names
            .listed(list.items.into_iter().map(Into::into).collect::<Pods>());
        Ok(version)
    }

    async fn watch(&mut self, client: &Client, version: &str) -> Result<End, WatchError> {
        let began = Instant::now();
        let seconds = fastrand::u32(WATCH_SECONDS);
        let parameters = WatchParams {
            field_selector: Some(self.selector.clone()),
            timeout: Some(seconds),
            bookmarks: true,
            ..WatchParams::default()
        };
        let request = Request::new(PODS)
            .watch(&parameters, version)
            .map_err(|error| failed(WATCH, kube::Error::BuildRequest(error)))?;
        let events = tokio::select! {
            events = in_time(WATCH, client.request_events::<PodObject>(request)) => events?,
            () = self.names.look_wanted() => return Ok(End::SomebodyLooks),
        };
        self.names.in_sync();
        let mut events = pin!(events);
        let asked = Duration::from_secs(seconds.into());
        let until = began + asked + GRACE;
        loop {
            let event = tokio::select! {
                event = events.next() => event.transpose().map_err(|error| failed(WATCH, error))?,
                () = self.names.look_wanted() => return Ok(End::SomebodyLooks),
                () = tokio::time::sleep_until(until) => return Err(WatchError::Silent),
            };
            match event {
                Some(event) => self.take(event)?,
                None if began.elapsed() < SHORTEST_WATCH => return Err(WatchError::EndedAtOnce),
                None if began.elapsed() + GRACE < asked => {
                    if began.elapsed() > STEADY_WATCH {
                        self.backoff = Backoff::new();
                    }
                    return Ok(End::Early);
                }
                None => return Ok(End::AsAsked),
            }
        }
    }

    fn take(&mut self, event: WatchEvent<PodObject>) -> Result<(), WatchError> {
        let version = match event {
            WatchEvent::Added(pod) | WatchEvent::Modified(pod) => {
                let version = pod.resource_version().to_owned();
                self.names.applied(pod.into());
                version
            }
            WatchEvent::Deleted(pod) => {
                self.names.deleted(pod.uid());
                pod.resource_version().to_owned()
            }
            WatchEvent::Bookmark(bookmark) => bookmark.metadata.resource_version,
            WatchEvent::Error(status) => return Err(WatchError::Refused { what: WATCH, status }),
        };
        self.version = Some(version.clone());
        self.newest = Some(version);
        Ok(())
    }
}

async fn in_time<T>(
    what: &'static str,
    answer: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, WatchError> {
    match tokio::time::timeout(ANSWER, answer).await {
        Ok(answer) => answer.map_err(|error| failed(what, error)),
        Err(_) => Err(WatchError::Late { what }),
    }
}

fn failed(what: &'static str, error: kube::Error) -> WatchError {
    match error {
        kube::Error::Api(status) => WatchError::Refused { what, status },
        kube::Error::SerdeError(source) => WatchError::NotUnderstood { what, source },
        source => WatchError::Failed { what, source },
    }
}

/// How long the API server asks to be left alone.
fn asked_for(error: &WatchError) -> Option<Duration> {
    let WatchError::Refused { status, .. } = error else {
        return None;
    };
    let seconds = status.details.as_ref()?.retry_after_seconds;
    (seconds > 0).then(|| Duration::from_secs(seconds.into()))
}

/// The error with all that is behind it, in a line: an answer that is none of an API server's can be
/// a whole page.
fn in_words(error: &WatchError) -> String {
    let mut words = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let text = source.to_string();
        // Some repeat their source.
        if !words.ends_with(&text) {
            words = format!("{words}: {text}");
        }
        next = source.source();
    }
    let line = words.chars().map(|it| if it.is_control() { ' ' } else { it });
    line.take(LONGEST_REASON).collect()
}
