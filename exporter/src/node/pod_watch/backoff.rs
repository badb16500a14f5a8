//! How long to wait before the API server is asked again.

use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

const SHORTEST: Duration = Duration::from_millis(500);
/// Jitter adds up to as much again.
const LONGEST: Duration = Duration::from_secs(15);
/// Nobody is left alone for longer.
const LONGEST_ASKED_FOR: Duration = Duration::from_mins(2);
/// After so long without a failure the next one is the first again.
const FORGIVEN: Duration = Duration::from_mins(1);

/// Delays that double from half a second to a quarter of a minute, each with as much again at
/// random: the exporters of a cluster must not ask in step when its API server is back.
#[derive(Debug)]
pub struct Backoff {
    delays: ExponentialBackoff,
    failed: Option<Instant>,
}

impl Backoff {
    /// Nothing has failed yet.
    pub fn new() -> Self {
        Self {
            delays: delays(),
            failed: None,
        }
    }

    /// The delay after a failure now, which begins with what the server has asked for.
    pub fn after_failure(&mut self, asked_for: Option<Duration>) -> Duration {
        let now = Instant::now();
        if self.failed.is_some_and(|at| now - at > FORGIVEN) {
            self.delays = delays();
        }
        let delay = self.delays.next().unwrap_or(LONGEST);
        let delay = delay + asked_for.unwrap_or_default().min(LONGEST_ASKED_FOR);
        self.failed = Some(now + delay);
        delay
    }
}

fn delays() -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(SHORTEST)
        .with_max_delay(LONGEST)
        .without_max_times()
        .with_jitter()
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_a_bound_and_two_are_not_in_step() {
        let (mut one, mut other) = (Backoff::new(), Backoff::new());
        let of = |backoff: &mut Backoff| (0..40).map(|_| backoff.after_failure(None)).collect::<Vec<_>>();
        let (one, other) = (of(&mut one), of(&mut other));
        assert!(one[0] >= SHORTEST && one[0] <= SHORTEST * 2);
        assert!(one[39] >= LONGEST && one[39] <= LONGEST * 2);
        assert_ne!(one, other);
    }

    #[test]
    fn a_server_that_asks_for_a_pause_gets_it() {
        let pause = Duration::from_secs(100);
        let delay = Backoff::new().after_failure(Some(pause));
        assert!(
            delay >= pause + SHORTEST && delay <= pause + SHORTEST * 2,
            "{delay:?}"
        );
        let endless = Backoff::new().after_failure(Some(Duration::MAX));
        assert!(endless <= LONGEST_ASKED_FOR + SHORTEST * 2, "{endless:?}");
    }
}
