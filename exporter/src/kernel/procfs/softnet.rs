//! `/proc/net/softnet_stat`: a line of hexadecimal numbers a CPU, by `softnet_seq_show` in
//! `net/core/net-procfs.c`. The numbers belong to the CPU, not to a network namespace.

use super::{ParseError, fields, hexadecimal, lines};

/// Counters of the per-CPU backlogs, summed over every online CPU.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Softnet {
    /// Packets taken from the backlogs.
    pub processed: u64,
    /// Packets dropped since a backlog was full.
    pub dropped: u64,
    /// Times `net_rx_action` stopped with work left.
    pub time_squeeze: u64,
}

/// Sums the file over its lines; columns beyond the third differ between kernels and are not read.
///
/// # Errors
/// A line has fewer than three columns, or one is not a hexadecimal number.
pub fn read(text: &[u8]) -> Result<Softnet, ParseError> {
    let mut sum = Softnet::default();
    for line in lines(text) {
        let mut values = fields(line);
        let mut next = |what: &str| {
            let value = values.next().unwrap_or_default();
            hexadecimal(value).ok_or_else(|| ParseError::number(what, value))
        };
        sum.processed = sum.processed.wrapping_add(next("processed")?);
        sum.dropped = sum.dropped.wrapping_add(next("dropped")?);
        sum.time_squeeze = sum.time_squeeze.wrapping_add(next("time_squeeze")?);
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_hundred_and_twenty_eight_cpus_are_summed() {
        let text = (0..128).fold(String::new(), |mut text, cpu| {
            let _ = writeln!(
                text,
                "{cpu:08x} {:08x} 00000001 00000000 00000000 0000000{}",
                2 * cpu,
                7
            );
            text
        });
        let expected = Softnet {
            processed: 8128,
            dropped: 16256,
            time_squeeze: 128,
        };
        assert_eq!(read(text.as_bytes()), Ok(expected));
    }

    #[test]
    fn a_line_with_too_few_columns_is_an_error() {
        assert_eq!(
            read(b"00000001 00000002\n"),
            Err(ParseError::number("time_squeeze", b""))
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(text in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = read(&text);
        }
    }
}
