//! `/proc/<pid>/net/dev`: counters of every network device, by `dev_seq_printf_stats` in
//! `net/core/net-procfs.c`.

use super::{ParseError, decimal, fields, lines};

/// What one device has received and sent since it was made.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct DeviceCounters {
    /// Bytes received.
    pub rx_bytes: u64,
    /// Packets received.
    pub rx_packets: u64,
    /// Receive errors.
    pub rx_errors: u64,
    /// Received packets that were dropped, missed ones included.
    pub rx_dropped: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Transmit errors.
    pub tx_errors: u64,
    /// Packets dropped on their way out.
    pub tx_dropped: u64,
}

/// Column of each counter after the device name; the order has not changed since Linux 2.2.
const COLUMNS: usize = 16;

/// Calls `each` with every device of the file; two header lines come first.
///
/// # Errors
/// A counter is not a number, or the file ends within a line.
pub fn read(text: &[u8], mut each: impl FnMut(&[u8], DeviceCounters)) -> Result<(), ParseError> {
    for line in lines(text).skip(2) {
        // An alias such as "eth0:1" keeps its colon in the name, so the last one ends it.
        let Some(colon) = memchr::memrchr(b':', line) else {
            continue;
        };
        let name = line[..colon].trim_ascii();
        let mut numbers = [0_u64; COLUMNS];
        let mut values = fields(&line[colon + 1..]);
        for number in &mut numbers {
            let value = values.next().unwrap_or_default();
            *number =
                decimal(value).ok_or_else(|| ParseError::number(String::from_utf8_lossy(name), value))?;
        }
        each(name, DeviceCounters::from(numbers));
    }
    Ok(())
}

impl From<[u64; COLUMNS]> for DeviceCounters {
    fn from(column: [u64; COLUMNS]) -> Self {
        Self {
            rx_bytes: column[0],
            rx_packets: column[1],
            rx_errors: column[2],
            rx_dropped: column[3],
            tx_bytes: column[8],
            tx_packets: column[9],
            tx_errors: column[10],
            tx_dropped: column[11],
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEADER: &str = "Inter-|   Receive |  Transmit\n face |bytes packets |bytes packets\n";

    fn all(text: &str) -> Result<Vec<(String, DeviceCounters)>, ParseError> {
        let mut devices = Vec::new();
        read(text.as_bytes(), |name, counters| {
            devices.push((String::from_utf8_lossy(name).into_owned(), counters));
        })?;
        Ok(devices)
    }

    #[test]
    fn every_device_gives_its_eight_counters() {
        let text = format!(
            "{HEADER}    lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n\
             eth0:1:18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
        );
        let devices = all(&text).expect("readable");
        let lo = DeviceCounters {
            rx_bytes: 1,
            rx_packets: 2,
            rx_errors: 3,
            rx_dropped: 4,
            tx_bytes: 9,
            tx_packets: 10,
            tx_errors: 11,
            tx_dropped: 12,
        };
        assert_eq!(devices[0], ("lo".into(), lo));
        assert_eq!(
            (devices[1].0.as_str(), devices[1].1.rx_bytes),
            ("eth0:1", u64::MAX)
        );
    }

    #[test]
    fn a_line_cut_short_is_an_error() {
        assert!(all(&format!("{HEADER}eth0: 1 2 3\n")).is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = read(&text, |_, _| {});
        }
    }
}
