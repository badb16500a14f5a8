//! What can be wrong with a server.

use std::time::Duration;

/// One thing that is wrong, until it is healed.
///
/// What is said of new requests ends the open watches first, so that their client meets it.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// Every request gets this status; 429 with `Retry-After`.
    Answer(u16),
    /// Watches get this status, lists are answered.
    WatchAnswer(u16),
    /// A watch gets an ERROR event with 410 and ends.
    GoneEvent,
    /// A list that goes on gets 410: its token has expired.
    GoneContinue,
    /// Lists and watches are no JSON.
    Garbage,
    /// A watch gets one event of a type that nobody knows.
    UnknownEvent,
    /// A watch is cut off within an event.
    CutInEvent,
    /// A watch ends at once, cleanly.
    EndsAtOnce,
    /// Watches have a header and then nothing, not even their end; not those of before either. They stay
    /// so when the fault is healed.
    HungWatch,
    /// Requests are accepted and never answered, not when the fault is healed either.
    HungRequest,
    /// On every connection nothing is read or written any more, for good; nobody is told.
    HalfOpen,
    /// Nobody listens, and connections are cut.
    Away,
    /// Connections are accepted and reset; each counts as an attempt.
    Resets,
    /// Bodies come in pieces of so many bytes, with a pause before each.
    Drip(usize, Duration),
    /// Events come so much later than a list shows them.
    Late(Duration),
}

impl Fault {
    /// The status that a request gets in place of an answer.
    pub(super) fn status(&self, is_watch: bool) -> Option<u16> {
        match self {
            Self::Answer(status) => Some(*status),
            Self::WatchAnswer(status) if is_watch => Some(*status),
            _ => None,
        }
    }

    /// Whether open watches end so that their client asks again.
    pub(super) fn ends_watches(&self) -> bool {
        matches!(
            self,
            Self::Answer(_)
                | Self::WatchAnswer(_)
                | Self::EndsAtOnce
                | Self::HungRequest
                | Self::Resets
                | Self::GoneContinue
                | Self::Drip(..)
        )
    }
}
