//! Which unknown UIDs the API server has been asked for, so that it is not asked too often.

use std::time::{Duration, Instant};

use rustc_hash::FxHashSet;

const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_mins(2);

/// UIDs that were asked for and are still unknown.
#[derive(Debug, Default)]
pub struct Asked {
    uids: FxHashSet<String>,
    again: Option<Again>,
}

/// When to ask again for UIDs that nobody has named.
#[derive(Debug)]
struct Again {
    at: Instant,
    pause: Duration,
}

impl Asked {
    /// Whether it is time to ask for the `unknown`, which then count as asked for now: at once if one
    /// of them is new, else at ever longer intervals. An answer is about all of them.
    pub fn is_due(&mut self, unknown: &[String], now: Instant) -> bool {
        let is_new = unknown.iter().any(|uid| !self.uids.contains(uid));
        if is_new || self.uids.len() != unknown.len() {
            self.uids = unknown.iter().cloned().collect();
        }
        let pause = match &self.again {
            _ if unknown.is_empty() => {
                self.again = None;
                return false;
            }
            Some(again) if !is_new && now < again.at => return false,
            Some(again) if !is_new => (again.pause * 2).min(LONGEST_PAUSE),
            _ => FIRST_PAUSE,
        };
        self.again = Some(Again {
            at: now + pause,
            pause,
        });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(uids: &[&str]) -> Vec<String> {
        uids.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn uids_are_asked_for_at_once_and_then_at_ever_longer_intervals() {
        let (mut asked, start) = (Asked::default(), Instant::now());
        let unknown = of(&["a", "b"]);
        let due: Vec<u64> = (0..600)
            .filter(|second| asked.is_due(&unknown, start + Duration::from_secs(*second)))
            .collect();
        assert_eq!(due, [0, 2, 6, 14, 30, 62, 126, 246, 366, 486]);
    }

    #[test]
    fn a_new_uid_is_due_whoever_else_waits_and_one_that_is_gone_is_forgotten() {
        let (mut asked, now) = (Asked::default(), Instant::now());
        assert!(asked.is_due(&of(&["a"]), now));
        assert!(!asked.is_due(&of(&["a"]), now));
        assert!(asked.is_due(&of(&["a", "b"]), now));
        assert!(!asked.is_due(&of(&["b"]), now));
        assert!(asked.is_due(&of(&["a"]), now));
        assert!(!asked.is_due(&[], now));
        assert!(asked.is_due(&of(&["a"]), now));
    }
}
