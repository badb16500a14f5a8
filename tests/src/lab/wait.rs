//! Waiting for something to become true.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How long to pause between two looks.
const POLL: Duration = Duration::from_millis(20);

/// Asks `condition` every 20 ms until it says true.
///
/// It is asked at least once, and once more after the time is up. An error of `condition` ends the
/// wait at once: what may fail for a while has to turn that into `Ok(false)` itself.
pub fn eventually(timeout: Duration, mut condition: impl FnMut() -> Result<bool>) -> Result<()> {
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
        assert!(waited.is_err_and(|error| error.to_string().contains("50ms")));
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
