//! Which unknown UIDs the API server has been asked for, so that none is asked for too often.

use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_mins(2);

/// UIDs that were asked for and are still unknown.
#[derive(Debug, Default)]
pub struct Asked {
    by_uid: FxHashMap<String, Pause>,
}

#[derive(Debug)]
struct Pause {
    until: Instant,
    next: Duration,
}

impl Asked {
    /// Whether it is time to ask for one of the `unknown`, which then counts as asked for now. A
    /// UID that nobody names is asked for at ever longer intervals.
    pub fn is_due(&mut self, unknown: &[String], now: Instant) -> bool {
        self.by_uid.retain(|uid, _| unknown.contains(uid));
        let mut is_due = false;
        for uid in unknown {
            match self.by_uid.get_mut(uid) {
                None => {
                    is_due = true;
                    let pause = Pause {
                        until: now + FIRST_PAUSE,
                        next: FIRST_PAUSE * 2,
                    };
                    self.by_uid.insert(uid.clone(), pause);
                }
                Some(pause) if pause.until <= now => {
                    is_due = true;
                    pause.until = now + pause.next;
                    pause.next = (pause.next * 2).min(LONGEST_PAUSE);
                }
                Some(_) => {}
            }
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_is_asked_for_at_once_and_then_at_ever_longer_intervals() {
        let (mut asked, start) = (Asked::default(), Instant::now());
        let unknown = ["a".to_owned()];
        let due: Vec<u64> = (0..600)
            .filter(|second| asked.is_due(&unknown, start + Duration::from_secs(*second)))
            .collect();
        assert_eq!(due, [0, 2, 6, 14, 30, 62, 126, 246, 366, 486]);
    }

    #[test]
    fn a_new_uid_is_due_whoever_else_waits_and_one_that_is_gone_is_forgotten() {
        let (mut asked, now) = (Asked::default(), Instant::now());
        let of = |uids: &[&str]| uids.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert!(asked.is_due(&of(&["a"]), now));
        assert!(!asked.is_due(&of(&["a"]), now));
        assert!(asked.is_due(&of(&["a", "b"]), now));
        assert!(!asked.is_due(&of(&["b"]), now));
        assert!(asked.is_due(&of(&["a"]), now));
        assert!(!asked.is_due(&[], now));
    }
}
