//! The TCP sockets of a network namespace, summed up.

/// TCP sockets by state, IPv4 and IPv6, and what waits in them.
///
/// A connection counts from its first SYN, also before it is accepted, and once however many
/// processes hold it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct TcpSummary {
    /// Sockets in `ESTABLISHED`.
    pub established: u64,
    /// What is left of closed sockets: in `TIME_WAIT`, or still in `FIN_WAIT_2`. The kernel keeps
    /// both alike, and `tw` of `/proc/net/sockstat` counts both.
    pub time_wait: u64,
    /// Sockets in `CLOSE_WAIT`.
    pub close_wait: u64,
    /// Sockets in `SYN_SENT`.
    pub syn_sent: u64,
    /// Sockets in `SYN_RECV`.
    pub syn_recv: u64,
    /// Bytes written and not acknowledged, of sockets in `ESTABLISHED`: `write_seq - snd_una`
    /// (`tcp_diag_get_info`).
    pub tx_queue: u64,
    /// Bytes received in order and not read, of sockets in `ESTABLISHED`: `rcv_nxt - copied_seq`.
    pub rx_queue: u64,
}

impl TcpSummary {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            established: self.established + other.established,
            time_wait: self.time_wait + other.time_wait,
            close_wait: self.close_wait + other.close_wait,
            syn_sent: self.syn_sent + other.syn_sent,
            syn_recv: self.syn_recv + other.syn_recv,
            tx_queue: self.tx_queue + other.tx_queue,
            rx_queue: self.rx_queue + other.rx_queue,
        }
    }
}
