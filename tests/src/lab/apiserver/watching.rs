//! Watches: what changes, as it changes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use serde_json::json;

use super::answer::{Answer, node, status_object, streamed};
use super::body::Sender;
use super::fault::Fault;
use super::line::Line;
use super::state::{Request, Shared, State};

/// As long as a watch lasts if nobody says.
const LENGTH: Duration = Duration::from_mins(30);

/// Starts a watch and returns its header.
pub fn start(shared: &Arc<Shared>, line: &Arc<Line>, request: &Request) -> Answer {
    let (sender, answer) = streamed();
    let watch = Watch::new(shared, line, request);
    tokio::spawn(watch.run(sender));
    answer
}

/// What a watch does next.
enum Step {
    /// Sends lines that are whole.
    Send(Vec<Bytes>),
    /// Sends these and ends.
    End(Vec<Bytes>),
    /// Sends a piece and is cut off.
    Cut(Bytes),
    /// Is silent for good.
    Hang,
    /// Waits for a change, no longer than until then.
    Wait(Instant),
}

struct Watch {
    shared: Arc<Shared>,
    line: Arc<Line>,
    node: String,
    /// What the client has seen; none if it wants all there is first.
    revision: Option<u64>,
    wants_bookmarks: bool,
    ends: u64,
    bookmarks: u64,
    next_bookmark: Instant,
    until: Instant,
    was_surprised: bool,
    is_counted: bool,
}

impl Watch {
    fn new(shared: &Arc<Shared>, line: &Arc<Line>, request: &Request) -> Self {
        let query = |name: &str| request.query.get(name).map(String::as_str);
        let revision = query("resourceVersion").and_then(|it| it.parse::<u64>().ok());
        let seconds = query("timeoutSeconds").and_then(|it| it.parse().ok());
        let now = Instant::now();
        let mut state = shared.lock();
        state.open_watches += 1;
        Self {
            shared: Arc::clone(shared),
            line: Arc::clone(line),
            node: node(request).unwrap_or_default().to_owned(),
            revision: revision.filter(|&revision| revision > 0),
            wants_bookmarks: query("allowWatchBookmarks") == Some("true"),
            ends: state.ends,
            bookmarks: state.bookmarks,
            next_bookmark: now + state.bookmark_interval,
            until: now + seconds.map_or(LENGTH, Duration::from_secs),
            was_surprised: false,
            is_counted: true,
        }
    }

    async fn run(mut self, sender: Sender) {
        let mut bell = self.shared.bell();
        loop {
            bell.borrow_and_update();
            let (step, fault) = {
                let shared = Arc::clone(&self.shared);
                let state = shared.lock();
                (self.step(&state), state.fault.clone())
            };
            let sent = match step {
                Step::Send(lines) => send_lines(&sender, lines, fault.as_ref()).await,
                Step::End(lines) => {
                    let _ = send_lines(&sender, lines, fault.as_ref()).await;
                    None
                }
                Step::Cut(piece) => {
                    let _ = sender.send(piece, None).await;
                    return sender.break_off().await;
                }
                Step::Hang => {
                    if self.line.is_dead() {
                        self.uncount();
                    }
                    return sender.gone().await;
                }
                Step::Wait(until) => self.wait(&sender, &mut bell, until).await,
            };
            if sent.is_none() {
                return;
            }
        }
    }

    /// None if the client has gone.
    async fn wait(
        &self,
        sender: &Sender,
        bell: &mut tokio::sync::watch::Receiver<()>,
        until: Instant,
    ) -> Option<()> {
        let until = tokio::time::Instant::from_std(until);
        tokio::select! {
            changed = bell.changed() => changed.ok(),
            () = tokio::time::sleep_until(until) => Some(()),
            () = sender.gone() => None,
        }
    }

    fn step(&mut self, state: &State) -> Step {
        let fault = state.fault.as_ref();
        match fault {
            Some(Fault::HungWatch) => return Step::Hang,
            Some(Fault::GoneEvent) => return Step::End(vec![gone_event()]),
            Some(Fault::Garbage) => return Step::End(vec![Bytes::from_static(b"}{ no event\n")]),
            Some(Fault::EndsAtOnce) => return Step::End(Vec::new()),
            Some(Fault::CutInEvent) => {
                return Step::Cut(Bytes::from_static(
                    b"{\"type\":\"MODIFIED\",\"object\":{\"kind\":\"Pod\",\"meta",
                ));
            }
            Some(Fault::UnknownEvent) if !self.was_surprised => {
                self.was_surprised = true;
                return Step::Send(vec![line(
                    "SURPRISE",
                    b"{\"kind\":\"Pod\",\"apiVersion\":\"v1\"}",
                )]);
            }
            _ => {}
        }
        if self.line.is_dead() {
            return Step::Hang;
        }
        if self.ends != state.ends {
            return Step::End(Vec::new());
        }
        let Some(revision) = self.revision else {
            self.revision = Some(state.store.revision());
            let pods = state.store.list(&self.node, None);
            return Step::Send(pods.iter().map(|(_, pod)| line("ADDED", &pod.json)).collect());
        };
        self.news(state, revision)
    }

    /// Events that are due, else a bookmark that is, else the end or a pause.
    fn news(&mut self, state: &State, seen: u64) -> Step {
        let delay = match state.fault {
            Some(Fault::Late(delay)) => delay,
            _ => Duration::ZERO,
        };
        let now = Instant::now();
        let Some(events) = state.store.since(seen) else {
            return Step::End(vec![gone_event()]);
        };
        let (mut lines, mut revision) = (Vec::new(), seen);
        let mut next_due = None;
        for event in events {
            if event.at + delay > now {
                next_due = Some(event.at + delay);
                break;
            }
            revision = event.revision;
            if let Some((change, pod)) = event.seen_from(&self.node) {
                lines.push(line(change.as_str(), &pod.json));
            }
        }
        self.revision = Some(revision);
        if !lines.is_empty() {
            return Step::Send(lines);
        }
        let bookmark_is_due = now >= self.next_bookmark || self.bookmarks != state.bookmarks;
        if bookmark_is_due || now >= self.until {
            self.bookmarks = state.bookmarks;
            self.next_bookmark = now + state.bookmark_interval;
            let bookmark = self.wants_bookmarks.then(|| bookmark(revision));
            if now >= self.until {
                return Step::End(bookmark.into_iter().collect());
            }
            return Step::Send(bookmark.into_iter().collect());
        }
        let until = self.next_bookmark.min(self.until);
        Step::Wait(next_due.map_or(until, |due| due.min(until)))
    }

    fn uncount(&mut self) {
        if std::mem::take(&mut self.is_counted) {
            self.shared.lock().open_watches -= 1;
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.uncount();
    }
}

async fn send_lines(sender: &Sender, lines: Vec<Bytes>, fault: Option<&Fault>) -> Option<()> {
    for line in lines {
        sender.send(line, fault).await?;
    }
    Some(())
}

fn line(kind: &str, object: &[u8]) -> Bytes {
    [
        b"{\"type\":\"",
        kind.as_bytes(),
        b"\",\"object\":",
        object,
        b"}\n",
    ]
    .concat()
    .into()
}

fn bookmark(revision: u64) -> Bytes {
    let object = json!({"kind": "Pod", "apiVersion": "v1",
        "metadata": {"resourceVersion": revision.to_string(), "creationTimestamp": null},
        "spec": {"containers": null}, "status": {}});
    line("BOOKMARK", object.to_string().as_bytes())
}

fn gone_event() -> Bytes {
    let status = status_object(410, "Expired", "too old resource version");
    line("ERROR", status.to_string().as_bytes())
}
