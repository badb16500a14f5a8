//! `/proc/<pid>/net/snmp` and `netstat`: a line of column names, then a line of values.
//!
//! Written by `snmp_seq_show` and `netstat_seq_show` in `net/ipv4/proc.c`. Columns are found by
//! name: kernels add, move and drop them.

use super::{ParseError, decimal, fields, lines};

/// The columns one reader wants from one section, and where the running kernel has them.
///
/// The header line of a section never changes while a kernel runs, so the positions are worked
/// out once and only checked against the header after that.
#[derive(Debug)]
pub struct Section {
    name: &'static str,
    wanted: Vec<(&'static str, usize)>,
    header: Vec<u8>,
    /// For every column of the file: the slot of the row it goes to.
    slots: Vec<Option<usize>>,
}

impl Section {
    /// Section `name` (without colon), of which each `(column, slot)` is wanted.
    pub fn new(name: &'static str, wanted: Vec<(&'static str, usize)>) -> Self {
        Self {
            name,
            wanted,
            header: Vec::new(),
            slots: Vec::new(),
        }
    }

    /// Adds the wanted columns to their slots of `row`; a column this kernel lacks leaves its slot alone.
    ///
    /// # Errors
    /// The section is missing, or a wanted value is not a number. A negative value (the kernel
    /// prints `-1` for "no limit") is no number to export and is passed over.
    pub fn read(&mut self, text: &[u8], row: &mut [Option<u64>]) -> Result<(), ParseError> {
        let mut of_section = lines(text).filter_map(|line| self.values_of(line));
        let (Some(header), Some(values)) = (of_section.next(), of_section.next()) else {
            return Err(ParseError::Missing(self.name));
        };
        drop(of_section);
        if header != self.header {
            self.learn(header);
        }
        for (slot, value) in self.slots.iter().zip(fields(values)) {
            let Some(slot) = *slot else { continue };
            if value.first() == Some(&b'-') {
                continue;
            }
            let number = decimal(value).ok_or_else(|| ParseError::number(self.column_of(slot), value))?;
            add(row, slot, number);
        }
        Ok(())
    }

    fn values_of<'line>(&self, line: &'line [u8]) -> Option<&'line [u8]> {
        line.strip_prefix(self.name.as_bytes())?.strip_prefix(b":")
    }

    fn learn(&mut self, header: &[u8]) {
        self.header = header.to_vec();
        self.slots = fields(header)
            .map(|column| {
                let wanted = self.wanted.iter().find(|(name, _)| name.as_bytes() == column)?;
                Some(wanted.1)
            })
            .collect();
    }

    fn column_of(&self, slot: usize) -> String {
        let column = self
            .wanted
            .iter()
            .find(|(_, wanted)| *wanted == slot)
            .map_or("", |it| it.0);
        format!("{} {column}", self.name)
    }
}

/// Adds `number` to a slot. Kernel counters wrap, so a sum of two of them wraps too.
pub(super) fn add(row: &mut [Option<u64>], slot: usize, number: u64) {
    if let Some(cell) = row.get_mut(slot) {
        *cell = Some(cell.unwrap_or(0).wrapping_add(number));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str, wanted: &[(&'static str, usize)]) -> Result<Vec<Option<u64>>, ParseError> {
        let mut row = vec![None; wanted.len()];
        Section::new("Tcp", wanted.to_vec()).read(text.as_bytes(), &mut row)?;
        Ok(row)
    }

    #[test]
    fn columns_are_found_by_name_wherever_they_stand() {
        let text = "Ip: A B\nIp: 9 9\nTcp: New MaxConn InSegs\nTcp: 7 -1 18446744073709551615\n";
        let row = read(text, &[("InSegs", 0), ("New", 1), ("Gone", 2)]).expect("readable");
        assert_eq!(row, [Some(u64::MAX), Some(7), None]);
    }

    #[test]
    fn a_minus_one_is_passed_over() {
        assert_eq!(read("Tcp: MaxConn\nTcp: -1\n", &[("MaxConn", 0)]), Ok(vec![None]));
    }

    #[test]
    fn a_section_whose_name_begins_alike_is_another() {
        let text = "TcpExt: InSegs\nTcpExt: 1\nTcp: InSegs\nTcp: 2\n";
        assert_eq!(read(text, &[("InSegs", 0)]), Ok(vec![Some(2)]));
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(
            read("Ip: A\nIp: 1\n", &[("InSegs", 0)]),
            Err(ParseError::Missing("Tcp"))
        );
        let error = read("Tcp: InSegs\nTcp: many\n", &[("InSegs", 0)]).expect_err("no number");
        assert_eq!(error.to_string(), "Tcp InSegs: expected a number, found \"many\"");
    }

    #[test]
    fn a_header_that_changes_is_learnt_again() {
        let mut section = Section::new("Tcp", vec![("InSegs", 0)]);
        for (text, expected) in [("Tcp: InSegs X\nTcp: 1 2\n", 1), ("Tcp: X InSegs\nTcp: 1 2\n", 2)] {
            let mut row = [None];
            section.read(text.as_bytes(), &mut row).expect("readable");
            assert_eq!(row, [Some(expected)]);
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut row = [None; 2];
            let mut section = Section::new("Tcp", vec![("InSegs", 0), ("Out", 9)]);
            let _ = section.read(&text, &mut row);
        }

        #[test]
        fn no_text_of_the_right_shape_panics(
            names in "[A-Za-z ]{0,40}", values in "[-0-9a-z ]{0,60}"
        ) {
            let _ = read(&format!("Tcp: InSegs {names}\nTcp: {values}\n"), &[("InSegs", 0)]);
        }

        #[test]
        fn every_number_comes_back(numbers in proptest::collection::vec(any::<u64>(), 3)) {
            let text = format!("Tcp: A B C\nTcp: {} {} {}\n", numbers[0], numbers[1], numbers[2]);
            let row = read(&text, &[("A", 0), ("B", 1), ("C", 2)]).expect("readable");
            prop_assert_eq!(row, numbers.into_iter().map(Some).collect::<Vec<_>>());
        }
    }
}
