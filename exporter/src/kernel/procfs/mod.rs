//! The proc filesystem: where its files are, how they are read, and parsers that take bytes.
//!
//! Parsers never see a path and never panic; what they cannot read is a [`ParseError`].

pub mod cgroup;
pub mod conntrack;
pub mod dev;
pub mod fd;
pub mod io;
pub mod ipvs;
pub mod pairs;
pub mod process;
pub mod route;
pub mod slab;
pub mod softnet;
pub mod stat;
pub mod table;

mod net_file;
mod root;

pub use net_file::{NetFile, NetnsFiles, NetnsReader};
pub use root::{ProcFs, read_into};

/// Why the text of a proc file could not be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// A section or line that the file must have is not there.
    #[error("no \"{0}\" in it")]
    Missing(&'static str),
    /// A field that must be a number is not one.
    #[error("{what}: expected a number, found {found:?}")]
    Number {
        /// Which field.
        what: String,
        /// What stood there, cut to 32 bytes.
        found: String,
    },
}

impl ParseError {
    pub(crate) fn number(what: impl Into<String>, found: &[u8]) -> Self {
        let shown = &found[..found.len().min(32)];
        Self::Number {
            what: what.into(),
            found: String::from_utf8_lossy(shown).into_owned(),
        }
    }
}

/// The lines of `text`, without their line feeds.
pub fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (line, tail) = match memchr::memchr(b'\n', rest) {
            Some(end) => (&rest[..end], &rest[end + 1..]),
            None => (rest, &rest[rest.len()..]),
        };
        rest = tail;
        Some(line)
    })
}

/// The fields of `line`, separated by spaces or tabs.
pub fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| *byte == b' ' || *byte == b'\t')
        .filter(|field| !field.is_empty())
}

/// A decimal number that fits in 64 bits, or `None`.
pub fn decimal(field: &[u8]) -> Option<u64> {
    number(field, 10)
}

/// A hexadecimal number without prefix that fits in 64 bits, or `None`.
pub fn hexadecimal(field: &[u8]) -> Option<u64> {
    number(field, 16)
}

fn number(field: &[u8], radix: u32) -> Option<u64> {
    if field.is_empty() {
        return None;
    }
    field.iter().try_fold(0_u64, |value, byte| {
        let digit = char::from(*byte).to_digit(radix)?;
        value.checked_mul(u64::from(radix))?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_reach_the_last_value_of_64_bits_and_stop_there() {
        assert_eq!(decimal(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(decimal(b"18446744073709551616"), None);
        assert_eq!(hexadecimal(b"ffffffffffffffff"), Some(u64::MAX));
        assert_eq!(hexadecimal(b"10000000000000000"), None);
        assert_eq!(decimal(b""), None);
        assert_eq!(decimal(b"-1"), None);
        assert_eq!(decimal(b"1x"), None);
    }

    #[test]
    fn a_last_line_without_a_line_feed_is_a_line() {
        assert_eq!(lines(b"a\n\nb").collect::<Vec<_>>(), [&b"a"[..], b"", b"b"]);
        assert_eq!(lines(b"").count(), 0);
    }
}
