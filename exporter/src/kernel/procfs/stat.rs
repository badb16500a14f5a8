//! `/proc/<pid>/stat`, by `do_task_stat` in `fs/proc/array.c`. Everybody may read it.

use super::{ParseError, decimal, fields};

/// What is read of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// It has ended, and its parent has waited for it (`EXIT_DEAD`).
    pub is_reaped: bool,
    /// Pid of its parent: the process that will wait for it. 0 where that is out of sight.
    pub parent: u32,
    /// Its start, in clock ticks since boot.
    pub started: u64,
}

/// Reads a `stat` file.
///
/// # Errors
/// The text is not that of a `stat` file.
pub fn read(text: &[u8]) -> Result<Stat, ParseError> {
    // A name may hold spaces and brackets; from the last one on the fields are numbered from 3.
    let name_end = memchr::memrchr(b')', text).ok_or(ParseError::Missing(")"))?;
    let mut after_name = fields(&text[name_end + 1..]);
    let state = after_name.next().unwrap_or_default();
    let parent = after_name.next().unwrap_or_default();
    let started = after_name.nth(17).unwrap_or_default();
    Ok(Stat {
        is_reaped: state == b"X",
        parent: decimal(parent)
            .and_then(|pid| u32::try_from(pid).ok())
            .ok_or_else(|| ParseError::number("parent", parent))?,
        started: decimal(started).ok_or_else(|| ParseError::number("start time", started))?,
    })
}

/// When the process started, in clock ticks since boot.
///
/// # Errors
/// The text is not that of a `stat` file.
pub fn start_time(text: &[u8]) -> Result<u64, ParseError> {
    read(text).map(|stat| stat.started)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_with_brackets_and_spaces_does_not_shift_the_fields() {
        let text = b"42 (a) b (c) S 7 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 7654321 9 9\n";
        let expected = Stat {
            is_reaped: false,
            parent: 7,
            started: 7_654_321,
        };
        assert_eq!(read(text), Ok(expected));
        assert_eq!(start_time(text), Ok(7_654_321));
    }

    #[test]
    fn who_was_waited_for_is_told_from_who_was_not() {
        let text = "42 (S) X 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 9 0 0\n";
        assert!(read(text.as_bytes()).expect("readable").is_reaped);
        let unwaited = text.replace(" X ", " Z ");
        assert!(!read(unwaited.as_bytes()).expect("readable").is_reaped);
    }

    #[test]
    fn a_file_cut_short_is_not_understood() {
        assert!(read(b"42 (a) S 7 42").is_err());
        assert!(read(b"42 (a").is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&text);
        }
    }
}
