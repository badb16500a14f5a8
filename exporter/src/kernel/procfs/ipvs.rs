//! `/proc/<pid>/net/ip_vs_stats`: two lines of headings, a line of hexadecimal totals, and the same
//! again as rates, by `ip_vs_stats_show` in `net/netfilter/ipvs/ip_vs_ctl.c`.

use super::{ParseError, fields, hexadecimal, lines};

/// The second heading, which tells the columns apart.
const HEADING: [&str; 5] = ["Conns", "Packets", "Packets", "Bytes", "Bytes"];

/// What all virtual servers of a namespace have seen. `ipvsadm --zero` begins anew; kernels before
/// 4.1 count connections and packets in 32 bits, which wrap.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct IpvsTotals {
    /// Connections scheduled.
    pub connections: u64,
    /// Packets of clients.
    pub incoming_packets: u64,
    /// Packets of servers.
    pub outgoing_packets: u64,
    /// Bytes of clients.
    pub incoming_bytes: u64,
    /// Bytes of servers.
    pub outgoing_bytes: u64,
}

/// Reads the totals.
///
/// # Errors
/// The headings are not those expected, or a total is not a hexadecimal number.
pub fn read(text: &[u8]) -> Result<IpvsTotals, ParseError> {
    let mut lines = lines(text).skip(1);
    let heading = lines.next().unwrap_or_default();
    if !fields(heading).eq(HEADING.map(str::as_bytes)) {
        return Err(ParseError::Missing("Conns"));
    }
    let mut values = fields(lines.next().unwrap_or_default());
    let mut next = |what: &str| {
        let value = values.next().unwrap_or_default();
        hexadecimal(value).ok_or_else(|| ParseError::number(what, value))
    };
    Ok(IpvsTotals {
        connections: next("connections")?,
        incoming_packets: next("incoming packets")?,
        outgoing_packets: next("outgoing packets")?,
        incoming_bytes: next("incoming bytes")?,
        outgoing_bytes: next("outgoing bytes")?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEAD: &str = "   Total Incoming Outgoing         Incoming         Outgoing\n   \
                        Conns  Packets  Packets            Bytes            Bytes\n";

    #[test]
    fn totals_are_hexadecimal_and_stand_above_the_rates() {
        let text = format!(
            "{HEAD}      1A 100000001        F         FFFFFFFFFFFFFFFF                B\n\n \
             Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s\n       7        7        7 7 7\n"
        );
        let expected = IpvsTotals {
            connections: 26,
            incoming_packets: (1 << 32) + 1,
            outgoing_packets: 15,
            incoming_bytes: u64::MAX,
            outgoing_bytes: 11,
        };
        assert_eq!(read(text.as_bytes()), Ok(expected));
    }

    #[test]
    fn without_its_headings_it_is_not_the_file() {
        for text in ["", "1 2 3 4 5\n", "Total\nConns Packets Bytes\n1 2 3 4 5\n"] {
            assert_eq!(read(text.as_bytes()), Err(ParseError::Missing("Conns")), "{text}");
        }
    }

    #[test]
    fn a_line_with_too_few_columns_is_an_error() {
        assert_eq!(
            read(format!("{HEAD}1 2 3 4\n").as_bytes()),
            Err(ParseError::number("outgoing bytes", b""))
        );
        assert!(read(HEAD.as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = read(&text);
            let _ = read(&[HEAD.as_bytes(), &text].concat());
        }
    }
}
