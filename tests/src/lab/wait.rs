//! Waiting for something to become true.

use std::env;
use std::sync::LazyLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How long to pause between two looks.
const POLL: Duration = Duration::from_millis(20);

/// How long to wait where a machine of usual speed needs no more than `limit`.
///
/// `$KSK_PATIENCE` says how many times as slow a machine is, 1 unless it is set. It is for limits
/// that only end a wait for what never comes, not for those that are under test.
pub fn patience(limit: Duration) -> Duration {
    static FACTOR: LazyLock<u32> = LazyLock::new(|| {
        let factor = env::var("KSK_PATIENCE").ok();
        factor.and_then(|factor| factor.parse().ok()).unwrap_or(1)
    });
    limit * *FACTOR
}

/// Asks `condition` every 20 ms until it says true.
///
/// It is asked at least once, and once more after the time is up. An error of `condition` ends the
/// wait at once: what may fail for a while has to turn that into `Ok(false)` itself. The time is
/// subject to [`patience`].
pub fn eventually(timeout: Duration, mut condition: impl FnMut() -> Result<bool>) -> Result<()> {
    let timeout = patience(timeout);
    let deadline = Instant::now() + timeout;
    loop {
        let last = Instant::now() >= deadline;
        if condition()? {
            return Ok(());
        }
        if last {
            bail!("still not so after {timeout:?}");
        }
        sleep(POLL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_until_true() {
        let mut asked = 0;
        let waited = eventually(Duration::from_secs(5), || {
            asked += 1;
            Ok(asked == 3)
        });
        assert!(waited.is_ok());
        assert_eq!(asked, 3);
    }

    #[test]
    fn gives_up_after_the_time() {
        let waited = eventually(Duration::from_millis(50), || Ok(false));
        let limit = format!("{:?}", patience(Duration::from_millis(50)));
        assert!(waited.is_err_and(|error| error.to_string().contains(&limit)));
    }

    #[test]
    fn an_error_ends_the_wait() {
        let mut asked = 0;
        let waited = eventually(Duration::from_secs(5), || {
            asked += 1;
            bail!("broken")
        });
        assert!(waited.is_err_and(|error| error.to_string() == "broken"));
        assert_eq!(asked, 1);
    }
}
