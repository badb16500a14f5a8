//! What a request gets: refusals, lists, and the header of a watch.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::body::{Pieces, Sender, pieces};
use super::fault::Fault;
use super::line::Line;
use super::state::{Kind, Request, Shared, State};
use super::watching;

pub type Answer = Response<Pieces>;

const PODS: &str = "/api/v1/pods";

/// Answers one request of a connection.
pub async fn answer(
    shared: Arc<Shared>,
    line: Arc<Line>,
    incoming: hyper::Request<Incoming>,
) -> Result<Answer, Infallible> {
    let request = read(&incoming);
    line.asks(request.kind);
    let authorization = incoming.headers().get(AUTHORIZATION);
    let (fault, refused, number) = {
        let mut state = shared.lock();
        let refused = refusal(&state, &request, authorization.map(HeaderValue::as_bytes));
        state.requests.push(request.clone());
        (state.fault.clone(), refused, state.requests.len() - 1)
    };
    if fault == Some(Fault::HungRequest) {
        std::future::pending::<()>().await;
    }
    let answer = match refused {
        Some(refused) => status(refused, fault.as_ref()),
        None if request.kind == Kind::Watch => watching::start(&shared, &line, &request),
        None => list(&shared, &request, fault.as_ref()),
    };
    shared.lock().requests[number].status = Some(answer.status().as_u16());
    Ok(answer)
}

fn read(incoming: &hyper::Request<Incoming>) -> Request {
    let uri = incoming.uri();
    let query: BTreeMap<_, _> = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
        .into_owned()
        .collect();
    let is_watch = matches!(query.get("watch").map(String::as_str), Some("true" | "1"));
    let kind = match (incoming.method().as_str(), uri.path(), is_watch) {
        ("GET", PODS, true) => Kind::Watch,
        ("GET", PODS, false) => Kind::List,
        _ => Kind::Other,
    };
    let field = |name| incoming.headers().get(name).and_then(|value| value.to_str().ok());
    Request {
        at: Instant::now(),
        kind,
        method: incoming.method().to_string(),
        path: uri.path().to_owned(),
        query,
        user_agent: field(USER_AGENT).unwrap_or_default().to_owned(),
        has_authorization: incoming.headers().contains_key(AUTHORIZATION),
        status: None,
    }
}

/// Why a request gets no answer: status, reason and words.
#[derive(Debug)]
struct Refusal(u16, &'static str, String);

fn refusal(state: &State, request: &Request, authorization: Option<&[u8]>) -> Option<Refusal> {
    let is_watch = request.kind == Kind::Watch;
    if let Some(status) = state.fault.as_ref().and_then(|fault| fault.status(is_watch)) {
        return Some(Refusal(status, reason(status), format!("the fault {status}")));
    }
    let is_known = state.tokens.as_ref().is_none_or(|tokens| {
        let mut accepted = tokens.iter().map(|token| format!("Bearer {token}"));
        accepted.any(|accepted| authorization == Some(accepted.as_bytes()))
    });
    if !is_known {
        return Some(Refusal(401, "Unauthorized", "Unauthorized".to_owned()));
    }
    if request.kind == Kind::Other {
        return Some(Refusal(
            403,
            "Forbidden",
            format!("{} is forbidden", request.path),
        ));
    }
    if node(request).is_none() {
        return Some(Refusal(403, "Forbidden", "only the pods of one node".to_owned()));
    }
    if request.query.contains_key("sendInitialEvents") {
        let words = "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled";
        return Some(Refusal(422, "Invalid", words.to_owned()));
    }
    let asked = request
        .query
        .get("resourceVersion")
        .and_then(|it| it.parse().ok());
    if request.kind == Kind::List && asked > Some(state.store.revision()) {
        let words = "Too large resource version";
        return Some(Refusal(504, "Timeout", words.to_owned()));
    }
    let is_expired = state.fault == Some(Fault::GoneContinue) && request.query.contains_key("continue");
    is_expired.then(|| Refusal(410, "Expired", "the continue token has expired".to_owned()))
}

fn reason(status: u16) -> &'static str {
    match status {
        401 => "Unauthorized",
        403 => "Forbidden",
        410 => "Expired",
        429 => "TooManyRequests",
        503 => "ServiceUnavailable",
        _ => "InternalError",
    }
}

/// The node whose pods are asked for.
pub fn node(request: &Request) -> Option<&str> {
    let selector = request.query.get("fieldSelector")?;
    let node = selector.strip_prefix("spec.nodeName=")?;
    Some(node.strip_prefix('=').unwrap_or(node)).filter(|node| !node.is_empty())
}

/// The object `Status` by which the API says what went wrong.
pub fn status_object(code: u16, reason: &str, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
           "message": message, "reason": reason, "code": code})
}

fn status(Refusal(code, reason, message): Refusal, fault: Option<&Fault>) -> Answer {
    let mut object = status_object(code, reason, &message);
    if code == 429 {
        object["details"] = json!({"retryAfterSeconds": 1});
    }
    let mut answer = whole(object.to_string(), fault);
    *answer.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if code == 429 {
        answer.headers_mut().insert(RETRY_AFTER, 1.into());
    }
    answer
}

fn list(shared: &Shared, request: &Request, fault: Option<&Fault>) -> Answer {
    if fault == Some(&Fault::Garbage) {
        return whole("{\"kind\": \"PodList\", \"items\": [}{\n", fault);
    }
    let state = shared.lock();
    let node = node(request).unwrap_or_default();
    let (revision, after) = place(request).unwrap_or((state.store.revision(), None));
    let mut pods = state.store.list(node, after.as_ref());
    // What may come from the watch cache comes whole, whatever the limit.
    let is_cached = request.query.get("resourceVersion").is_some_and(|it| it == "0");
    let limit = request.query.get("limit").and_then(|it| it.parse().ok());
    let limit = limit
        .filter(|&limit| limit > 0 && !is_cached)
        .unwrap_or(usize::MAX);
    let goes_on = pods.len() > limit;
    pods.truncate(limit);
    let mut metadata = json!({"resourceVersion": revision.to_string()});
    if let Some((key, _)) = pods.last().filter(|_| goes_on) {
        metadata["continue"] = json!(format!("{revision}/{}/{}", key.0, key.1));
    }
    let mut body =
        format!("{{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{metadata},\"items\":[");
    for (number, (_, pod)) in pods.iter().enumerate() {
        body.push_str(if number == 0 { "" } else { "," });
        body.push_str(&String::from_utf8_lossy(&pod.json));
    }
    body.push_str("]}\n");
    whole(body, fault)
}

/// Where a list goes on: its revision and the last pod that was given.
fn place(request: &Request) -> Option<(u64, Option<(String, String)>)> {
    let mut parts = request.query.get("continue")?.splitn(3, '/');
    let revision = parts.next()?.parse().ok()?;
    let key = (parts.next()?.to_owned(), parts.next()?.to_owned());
    Some((revision, Some(key)))
}

/// An answer whose body is still to come.
pub fn streamed() -> (Sender, Answer) {
    let (sender, body) = pieces();
    let mut answer = Response::new(body);
    let json = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(CONTENT_TYPE, json);
    (sender, answer)
}

fn whole(bytes: impl Into<Bytes>, fault: Option<&Fault>) -> Answer {
    let (sender, answer) = streamed();
    let (bytes, fault) = (bytes.into(), fault.cloned());
    // A client that has gone needs no more.
    tokio::spawn(async move { sender.send(bytes, fault.as_ref()).await });
    answer
}
