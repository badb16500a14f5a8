//! `/proc/<pid>/io`, by `do_io_accounting` in `fs/proc/base.c`.
//!
//! It adds up the threads of the process, those that have ended (`signal_struct.ioac`), and every
//! child that was waited for, with the children that one had waited for: `wait_task_zombie` in
//! `kernel/exit.c` adds what the child did to its parent. A child that nobody waits for, since
//! `SIGCHLD` is ignored, is added to nobody.

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::process::ProcessError;
use super::{ParseError, ProcFs, decimal, lines};

/// Seven lines of at most 44 bytes.
const LONGEST: usize = 512;

/// What a process asked of storage and of files.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct IoCounters {
    /// `syscr`: calls of `read` and its relatives, `sendfile` among them and `recv` not (`inc_syscr`
    /// in `fs/read_write.c`).
    pub read_calls: u64,
    /// `syscw`: calls of `write` and its relatives.
    pub write_calls: u64,
    /// `read_bytes`: bytes that the storage layer was asked for (`submit_bio`).
    pub read_bytes: u64,
    /// `write_bytes`: bytes of the page cache made dirty, in whole pages, or written past it. What
    /// is truncated before it gets to storage (`cancelled_write_bytes`) stays counted.
    pub write_bytes: u64,
}

impl IoCounters {
    /// By how much it has grown; 0 where it has not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        self.with(earlier, u64::saturating_sub)
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        self.with(other, u64::wrapping_add)
    }

    /// What both have.
    #[must_use]
    pub fn least(self, other: Self) -> Self {
        self.with(other, u64::min)
    }

    /// `true` if `part` may be within it.
    pub fn covers(self, part: Self) -> bool {
        part.since(self) == Self::default()
    }

    fn with(self, other: Self, of: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            read_calls: of(self.read_calls, other.read_calls),
            write_calls: of(self.write_calls, other.write_calls),
            read_bytes: of(self.read_bytes, other.read_bytes),
            write_bytes: of(self.write_bytes, other.write_bytes),
        }
    }
}

/// Reads the counters of a process.
///
/// # Errors
/// It has ended, may not be read, or the file is not understood.
pub fn of_process(procfs: &ProcFs, pid: u32) -> Result<IoCounters, ProcessError> {
    let path = procfs.path(&format!("{pid}/io"));
    let file = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .map_err(ProcessError::opening)?;
    let mut text = [0; LONGEST];
    let length = loop {
        match rustix::io::read(&file, &mut text) {
            Ok(length) => break length,
            Err(Errno::INTR) => {}
            Err(error) => return Err(ProcessError::reading(error)),
        }
    };
    read(&text[..length]).map_err(|error| ProcessError::Failed(error.to_string()))
}

/// Reads the text of an `io` file.
///
/// # Errors
/// One of the counters is missing, or is no number.
pub fn read(text: &[u8]) -> Result<IoCounters, ParseError> {
    Ok(IoCounters {
        read_calls: counter(text, "syscr")?,
        write_calls: counter(text, "syscw")?,
        read_bytes: counter(text, "read_bytes")?,
        write_bytes: counter(text, "write_bytes")?,
    })
}

fn counter(text: &[u8], name: &'static str) -> Result<u64, ParseError> {
    let value = lines(text)
        .find_map(|line| line.strip_prefix(name.as_bytes())?.strip_prefix(b":"))
        .ok_or(ParseError::Missing(name))?
        .trim_ascii();
    decimal(value).ok_or_else(|| ParseError::number(name, value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &[u8] = b"rchar: 323934931\nwchar: 323929600\nsyscr: 632687\nsyscw: 632675\n\
        read_bytes: 18446744073709551615\nwrite_bytes: 323932160\ncancelled_write_bytes: 7\n";

    #[test]
    fn each_counter_is_that_of_its_name() {
        let expected = IoCounters {
            read_calls: 632_687,
            write_calls: 632_675,
            read_bytes: u64::MAX,
            write_bytes: 323_932_160,
        };
        assert_eq!(read(TEXT), Ok(expected));
    }

    #[test]
    fn a_file_without_a_counter_is_not_understood() {
        assert_eq!(
            read(b"syscr: 1\nsyscw: 2\nread_bytes: 3\ncancelled_write_bytes: 4\n"),
            Err(ParseError::Missing("write_bytes"))
        );
        assert!(read(b"syscr: x\n").is_err());
    }

    #[test]
    fn the_own_process_may_always_be_read() {
        let procfs = ProcFs::default();
        let own = || of_process(&procfs, std::process::id()).expect("the own file");
        let before = own();
        assert!(own().since(before).read_calls > 0, "the file is read by a call");
        assert_eq!(of_process(&procfs, 4_194_305), Err(ProcessError::Gone));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&text);
        }

        #[test]
        fn what_covers_a_part_has_it_and_the_rest(part in any::<[u32; 4]>(), rest in any::<[u32; 4]>()) {
            let [part, rest] = [part, rest].map(|of| {
                let [read_calls, write_calls, read_bytes, write_bytes] = of.map(u64::from);
                IoCounters { read_calls, write_calls, read_bytes, write_bytes }
            });
            let whole = part.plus(rest);
            prop_assert!(whole.covers(part));
            prop_assert_eq!(whole.since(part), rest);
            prop_assert!(part == whole || !part.covers(whole));
        }
    }
}
