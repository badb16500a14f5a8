//! The TCP sockets of a namespace as `/proc/net/tcp` and `tcp6` list them: the reference for what the
//! exporter says of connections. It shares no code with the exporter.

use anyhow::{Context, Result};

use crate::lab::proc::ProcNet;

/// TCP sockets by state, IPv4 and IPv6, and the queues of the established ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpSockets {
    /// In `ESTABLISHED`.
    pub established: u64,
    /// In `SYN_SENT`.
    pub syn_sent: u64,
    /// In `SYN_RECV`.
    pub syn_recv: u64,
    /// What is left of closed sockets: in `TIME_WAIT`, or still in `FIN_WAIT_2`.
    pub time_wait: u64,
    /// In `CLOSE_WAIT`.
    pub close_wait: u64,
    /// Bytes written and not acknowledged.
    pub tx_queue: u64,
    /// Bytes received and not read.
    pub rx_queue: u64,
}

impl TcpSockets {
    /// Reads both files.
    pub fn read(net: &ProcNet<'_>) -> Result<Self> {
        let mut sockets = Self::default();
        for file in ["tcp", "tcp6"] {
            sockets.add(&net.read(file)?).context(file)?;
        }
        Ok(sockets)
    }

    fn add(&mut self, text: &str) -> Result<()> {
        for line in text.lines().skip(1) {
            let mut columns = line.split_whitespace().skip(3);
            let state = columns.next().context("a line without a state")?;
            let queues = columns.next().context("a line without queues")?;
            let (tx, rx) = queues.split_once(':').context("only one queue")?;
            let timer = columns.next().context("a line without a timer")?;
            match state {
                "01" => {
                    self.established += 1;
                    self.tx_queue += u64::from_str_radix(tx, 16)?;
                    self.rx_queue += u64::from_str_radix(rx, 16)?;
                }
                "02" => self.syn_sent += 1,
                "03" => self.syn_recv += 1,
                // By this timer the kernel shows what is left of a closed socket.
                _ if timer.starts_with("03:") => self.time_wait += 1,
                "08" => self.close_wait += 1,
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const TEXT: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0277 00000000:0000 0A 00000000:00000003 00:00000000 00000000  0 0 77 1 0 100 0 0 10 0
   1: 0100007F:0277 0100007F:A5C2 01 00000010:000000FF 00:00000000 00000000  0 0 78 1 0 20 4 30 10 -1
   2: 0100007F:A5C2 0100007F:0277 08 00000001:00000001 00:00000000 00000000  0 0 79 1 0 20 4 30 10 -1
   3: 0100007F:A5C4 0100007F:0277 06 00000000:00000000 03:00000A12 00000000  0 0 0 3 0
   4: 0100007F:A5C6 0100007F:0277 05 00000000:00000000 03:00000A12 00000000  0 0 0 3 0
   5: 0100007F:A5C8 0100007F:0277 05 00000000:00000000 00:00000000 00000000  0 0 80 1 0 20 4 30 10 -1
";

    #[test]
    fn states_and_queues_stand_in_their_columns() {
        let mut sockets = TcpSockets::default();
        sockets.add(TEXT).unwrap();
        let expected = TcpSockets {
            established: 1,
            close_wait: 1,
            time_wait: 2,
            tx_queue: 16,
            rx_queue: 255,
            ..TcpSockets::default()
        };
        assert_eq!(sockets, expected);
        assert!(sockets.add("head\n 0: a b 01\n").is_err());
    }
}
