//! `/proc/<pid>/stat`: when a process started, by `do_task_stat` in `fs/proc/array.c`.

use super::{ParseError, decimal, fields};

/// Field 22, counted from the end of the command name: a name may hold spaces and brackets.
const START_TIME_AFTER_NAME: usize = 19;

/// When the process started, in clock ticks since boot.
///
/// # Errors
/// The text is not that of a `stat` file.
pub fn start_time(text: &[u8]) -> Result<u64, ParseError> {
    let name_end = memchr::memrchr(b')', text).ok_or(ParseError::Missing(")"))?;
    let value = fields(&text[name_end + 1..])
        .nth(START_TIME_AFTER_NAME)
        .unwrap_or_default();
    decimal(value).ok_or_else(|| ParseError::number("start time", value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_with_brackets_and_spaces_does_not_shift_the_fields() {
        let text = b"42 (a) b (c) S 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 7654321 9 9\n";
        assert_eq!(start_time(text), Ok(7_654_321));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = start_time(&text);
        }
    }
}
