//! `/debug`: what an engineer of this program looks at.

use std::time::Duration;

use hyper::StatusCode;
use pprof::protos::Message;

use super::answer::{Answer, json, text, with_type};
use crate::collector::Collection;

/// Samples a second; not a divisor of the timer tick, so that the two do not beat.
const FREQUENCY: i32 = 99;
const LONGEST: u64 = 60;
const DEFAULT: u64 = 10;

/// Everyone on the node as of the last collection.
pub fn entities(collection: Option<&Collection>) -> Answer {
    match collection {
        Some(collection) => json(&collection.entities.all().collect::<Vec<_>>()),
        None => text(StatusCode::SERVICE_UNAVAILABLE, "nothing has been collected yet"),
    }
}

/// A CPU profile in the format of pprof, taken over `?seconds=N`.
pub async fn profile(query: &str) -> Answer {
    let seconds = form_value(query, "seconds")
        .and_then(|it| it.parse().ok())
        .unwrap_or(DEFAULT)
        .clamp(1, LONGEST);
    let failed = |error: String| text(StatusCode::INTERNAL_SERVER_ERROR, error);
    let guard = match pprof::ProfilerGuardBuilder::default()
        .frequency(FREQUENCY)
        .build()
    {
        Ok(guard) => guard,
        Err(error) => return failed(format!("no profile can be taken now: {error}")),
    };
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    match guard.report().build().and_then(|report| report.pprof()) {
        Ok(profile) => with_type(
            StatusCode::OK,
            "application/octet-stream",
            profile.encode_to_vec(),
        ),
        Err(error) => failed(error.to_string()),
    }
}

/// The value of `name` in a query; none of the values here needs unescaping.
fn form_value<'q>(query: &'q str, name: &str) -> Option<&'q str> {
    query
        .split('&')
        .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}
