//! `/proc/net/softnet_stat`: a line of hexadecimal numbers a CPU, by `softnet_seq_show` in
//! `net/core/net-procfs.c`. The numbers belong to the CPU, not to a network namespace.

use super::{ParseError, fields, hexadecimal, lines};

/// Counters of the backlog of one CPU. The kernel keeps them in 32 bits, and they wrap.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// The CPU; on kernels before 5.10, which do not say it, the number of the line.
    pub cpu: u32,
    /// Packets taken from the backlog.
    pub processed: u32,
    /// Packets dropped since the backlog was full.
    pub dropped: u32,
    /// Times `net_rx_action` stopped with work left.
    pub time_squeeze: u32,
}

/// Where the CPU stands, counted after the three counters.
const CPU_AFTER_COUNTERS: usize = 9;

/// Calls `each` with every line; there is one for each CPU that is online.
///
/// # Errors
/// A line has fewer than three columns, or one is not a hexadecimal number of 32 bits.
pub fn read(text: &[u8], mut each: impl FnMut(Backlog)) -> Result<(), ParseError> {
    for (line_number, line) in (0_u32..).zip(lines(text)) {
        let mut values = fields(line);
        let mut next = |what: &str| {
            let value = values.next().unwrap_or_default();
            let number = hexadecimal(value).and_then(|number| u32::try_from(number).ok());
            number.ok_or_else(|| ParseError::number(what, value))
        };
        let (processed, dropped) = (next("processed")?, next("dropped")?);
        let time_squeeze = next("time_squeeze")?;
        let cpu = values.nth(CPU_AFTER_COUNTERS).and_then(hexadecimal);
        let cpu = cpu.and_then(|cpu| u32::try_from(cpu).ok()).unwrap_or(line_number);
        each(Backlog {
            cpu,
            processed,
            dropped,
            time_squeeze,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(text: &str) -> Result<Vec<Backlog>, ParseError> {
        let mut backlogs = Vec::new();
        read(text.as_bytes(), |backlog| backlogs.push(backlog))?;
        Ok(backlogs)
    }

    #[test]
    fn a_line_names_its_cpu_where_the_kernel_says_it() {
        let text = "0000000a 00000001 ffffffff 0 0 0 0 0 0 0 0 00000002 00000007 0 0\n\
                    00000001 00000000 00000000 0 0 0 0 0 0 0\n";
        let expected = [
            Backlog {
                cpu: 7,
                processed: 10,
                dropped: 1,
                time_squeeze: u32::MAX,
            },
            Backlog {
                cpu: 1,
                processed: 1,
                dropped: 0,
                time_squeeze: 0,
            },
        ];
        assert_eq!(all(text).expect("readable"), expected);
    }

    #[test]
    fn a_line_with_too_few_columns_is_an_error() {
        assert_eq!(
            all("00000001 00000002\n"),
            Err(ParseError::number("time_squeeze", b""))
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(text in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = read(&text, |_| {});
        }
    }
}
