//! Files of names and values: `snmp6` (one pair a line) and `sockstat` (a section a line).
//!
//! `snmp6` is written by `snmp6_seq_show` in `net/ipv6/proc.c`, `sockstat` and `sockstat6` by
//! `sockstat_seq_show` and `sockstat6_seq_show`.

use rustc_hash::FxHashMap;

use super::table::add;
use super::{ParseError, decimal, fields, lines};

/// The pairs one reader wants from a file of names and values.
#[derive(Debug, Default)]
pub struct Pairs {
    wanted: FxHashMap<&'static [u8], usize>,
}

impl Pairs {
    /// Wants each `(name, slot)`.
    pub fn new(wanted: impl IntoIterator<Item = (&'static str, usize)>) -> Self {
        Self {
            wanted: wanted
                .into_iter()
                .map(|(name, slot)| (name.as_bytes(), slot))
                .collect(),
        }
    }

    /// Adds the wanted values of a file with one `name value` pair a line to their slots of `row`.
    ///
    /// # Errors
    /// A wanted value is not a number.
    pub fn read_lines(&self, text: &[u8], row: &mut [Option<u64>]) -> Result<(), ParseError> {
        lines(text).try_for_each(|line| self.read_fields(fields(line), row))
    }

    /// Adds the wanted values of the line that begins with `section:` to their slots of `row`.
    ///
    /// # Errors
    /// The section is missing, or a wanted value is not a number.
    pub fn read_section(
        &self,
        section: &'static str,
        text: &[u8],
        row: &mut [Option<u64>],
    ) -> Result<(), ParseError> {
        let line = lines(text)
            .find_map(|line| line.strip_prefix(section.as_bytes())?.strip_prefix(b":"))
            .ok_or(ParseError::Missing(section))?;
        self.read_fields(fields(line), row)
    }

    fn read_fields<'text>(
        &self,
        mut fields: impl Iterator<Item = &'text [u8]>,
        row: &mut [Option<u64>],
    ) -> Result<(), ParseError> {
        while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
            let Some(slot) = self.wanted.get(name) else {
                continue;
            };
            let number =
                decimal(value).ok_or_else(|| ParseError::number(String::from_utf8_lossy(name), value))?;
            add(row, *slot, number);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wanted_lines_are_added_to_their_slots() {
        let pairs = Pairs::new([("Udp6NoPorts", 0), ("Udp6InErrors", 1), ("Gone", 2)]);
        let mut row = [Some(5), None, None];
        let text = b"Ip6InReceives   \t3\nUdp6NoPorts     \t50\nUdp6InErrors\t18446744073709551615\n";
        pairs.read_lines(text, &mut row).expect("readable");
        assert_eq!(row, [Some(55), Some(u64::MAX), None]);
    }

    #[test]
    fn a_section_is_one_line_of_pairs() {
        let pairs = Pairs::new([("inuse", 0), ("mem", 1)]);
        let text = b"sockets: used 211\nTCP: inuse 4 orphan 0 tw 1 alloc 6 mem 2\nUDP: inuse 9 mem 9\n";
        let mut row = [None, None];
        pairs.read_section("TCP", text, &mut row).expect("readable");
        assert_eq!(row, [Some(4), Some(2)]);
        assert_eq!(
            pairs.read_section("RAW", text, &mut row),
            Err(ParseError::Missing("RAW"))
        );
    }

    #[test]
    fn a_value_that_is_no_number_is_named() {
        let pairs = Pairs::new([("inuse", 0)]);
        let error = pairs
            .read_section("TCP", b"TCP: inuse x\n", &mut [None])
            .expect_err("no number");
        assert_eq!(error.to_string(), "inuse: expected a number, found \"x\"");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in proptest::collection::vec(any::<u8>(), 0..400)) {
            let pairs = Pairs::new([("inuse", 0), ("Udp6NoPorts", 7)]);
            let _ = pairs.read_lines(&text, &mut [None]);
            let _ = pairs.read_section("TCP", &text, &mut [None]);
        }
    }
}
