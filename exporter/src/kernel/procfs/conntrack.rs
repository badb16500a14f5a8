//! `/proc/<pid>/net/stat/nf_conntrack`: a header, then a line of hexadecimal numbers a CPU, by
//! `ct_cpu_seq_show` in `net/netfilter/nf_conntrack_standalone.c`.

use super::table::add;
use super::{ParseError, fields, hexadecimal, lines};

/// Column 1, the entries of the whole table: every CPU's line repeats it.
const ENTRIES: &str = "entries";

/// Sums the columns `wanted` as `(column, slot)` over all CPUs into the slots of `row`.
///
/// # Errors
/// There is no header, or a wanted value is not a hexadecimal number.
pub fn read(
    text: &[u8],
    wanted: &[(&'static str, usize)],
    row: &mut [Option<u64>],
) -> Result<(), ParseError> {
    let mut lines = lines(text);
    let header = lines.next().ok_or(ParseError::Missing(ENTRIES))?;
    if fields(header).next() != Some(ENTRIES.as_bytes()) {
        return Err(ParseError::Missing(ENTRIES));
    }
    for (cpu, line) in lines.enumerate() {
        for (column, value) in fields(header).zip(fields(line)) {
            let Some((name, slot)) = wanted.iter().find(|(name, _)| name.as_bytes() == column) else {
                continue;
            };
            if *name == ENTRIES && cpu > 0 {
                continue;
            }
            let number = hexadecimal(value).ok_or_else(|| ParseError::number(*name, value))?;
            add(row, *slot, number);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cpus_are_summed_but_for_the_entries_of_the_whole_table() {
        let text = b"entries  clashres found new invalid ignore  icmp_error search_restart\n\
                     00000011  00000000 0000000a 00000000 00000001 00000000  00000003 00000002\n\
                     00000011  00000000 00000001 00000000 ffffffff 00000000  00000004 00000000\n";
        let wanted = [
            ("entries", 0),
            ("found", 1),
            ("invalid", 2),
            ("icmp_error", 3),
            ("gone", 4),
        ];
        let mut row = [None; 5];
        read(text, &wanted, &mut row).expect("readable");
        assert_eq!(row, [Some(17), Some(11), Some(0x1_0000_0000), Some(7), None]);
    }

    #[test]
    fn without_its_header_it_is_not_the_file() {
        assert_eq!(read(b"", &[], &mut []), Err(ParseError::Missing("entries")));
        assert_eq!(
            read(b"00 11\n", &[], &mut []),
            Err(ParseError::Missing("entries"))
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(text in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = read(&text, &[("entries", 0)], &mut [None]);
            let with_header = [b"entries found\n", text.as_slice()].concat();
            let _ = read(&with_header, &[("entries", 0), ("found", 3)], &mut [None]);
        }
    }
}
