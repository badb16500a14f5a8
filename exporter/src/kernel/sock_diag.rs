//! The TCP sockets of a namespace, by `sock_diag` (`net/ipv4/inet_diag.c`, `net/ipv4/tcp_diag.c`).
//!
//! A dump walks the hash of all connections of the machine once, about 1 ms whatever the namespace
//! holds. The request is that of the first version (`TCPDIAG_GETSOCK`): it alone asks for both
//! families in one walk, where `SOCK_DIAG_BY_FAMILY` takes one for each.

use std::io;

use super::netlink::Dump;

const TCPDIAG_GETSOCK: u16 = 18;
/// `struct inet_diag_req`: four bytes, the addresses, the states, the tables. The kernel passes
/// over all but the states when it dumps (`inet_diag_dump_compat`).
const STATES_AT: usize = 52;
const REQUEST_LENGTH: usize = 60;

const ESTABLISHED: u8 = 1;
const SYN_SENT: u8 = 2;
/// A connection whose handshake a listener has not seen the end of is a request socket, whose state
/// is `TCP_NEW_SYN_RECV` (12). Whoever asks for `TCP_SYN_RECV` gets it (`inet_diag_dump_icsk`), and
/// under that name (`inet_req_diag_fill`).
const SYN_RECV: u8 = 3;
const TIME_WAIT: u8 = 6;
const CLOSE_WAIT: u8 = 8;
/// Without `LISTEN` the hash of listeners is not walked.
const STATES: u32 = 1 << ESTABLISHED | 1 << SYN_SENT | 1 << SYN_RECV | 1 << TIME_WAIT | 1 << CLOSE_WAIT;

/// The TCP sockets of a namespace by state, IPv4 and IPv6, and what waits in them.
///
/// A connection is there from its first SYN, also before it is accepted and however many processes
/// hold it: it is counted where the kernel looks packets up, once.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct TcpSummary {
    /// Sockets in `ESTABLISHED`.
    pub established: u64,
    /// Sockets in `TIME_WAIT`. What is left of a socket in `FIN_WAIT_2` is not among them, though
    /// the kernel keeps both alike and `tw` of `/proc/net/sockstat` counts both.
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
    fn add(&mut self, socket: &TcpSocket) {
        match socket.state {
            ESTABLISHED => {
                self.established += 1;
                self.tx_queue += u64::from(socket.tx_queue);
                self.rx_queue += u64::from(socket.rx_queue);
            }
            SYN_SENT => self.syn_sent += 1,
            SYN_RECV => self.syn_recv += 1,
            TIME_WAIT => self.time_wait += 1,
            CLOSE_WAIT => self.close_wait += 1,
            // Nobody asked for it.
            _ => {}
        }
    }
}

/// A dump of TCP sockets, to be asked for in one namespace after another.
#[derive(Debug)]
pub struct TcpDump {
    dump: Dump,
}

impl Default for TcpDump {
    fn default() -> Self {
        let mut request = [0; REQUEST_LENGTH];
        request[STATES_AT..STATES_AT + 4].copy_from_slice(&STATES.to_ne_bytes());
        let dump = Dump::new(
            netlink_sys::protocols::NETLINK_SOCK_DIAG,
            TCPDIAG_GETSOCK,
            &request,
        );
        Self { dump }
    }
}

impl TcpDump {
    /// Sums up the TCP sockets of the network namespace the calling thread is in.
    ///
    /// # Errors
    /// The kernel does not answer ([`io::ErrorKind::NotFound`] if it has no `tcp_diag`), or in a
    /// way that is not understood.
    pub fn summary(&mut self) -> io::Result<TcpSummary> {
        let mut summary = TcpSummary::default();
        let mut all_understood = true;
        self.dump.run(|message| match socket_of(message) {
            Some(socket) => summary.add(&socket),
            None => all_understood = false,
        })?;
        if !all_understood {
            return Err(io::Error::other("a socket without its state"));
        }
        Ok(summary)
    }
}

#[derive(Debug, PartialEq, Eq)]
struct TcpSocket {
    state: u8,
    rx_queue: u32,
    tx_queue: u32,
}

/// The socket that a message is about; none if the message is cut short.
fn socket_of(message: &[u8]) -> Option<TcpSocket> {
    // struct inet_diag_msg: four bytes, the addresses up to byte 52, a timer, the queues.
    let number = |at: usize| message.get(at..)?.first_chunk().map(|it| u32::from_ne_bytes(*it));
    Some(TcpSocket {
        state: *message.get(1)?,
        rx_queue: number(56)?,
        tx_queue: number(60)?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FIN_WAIT_2: u8 = 5;

    fn message(state: u8, rx_queue: u32, tx_queue: u32) -> Vec<u8> {
        let mut message = vec![2, state, 0, 0];
        message.resize(56, 0xff);
        message.extend_from_slice(&rx_queue.to_ne_bytes());
        message.extend_from_slice(&tx_queue.to_ne_bytes());
        // The owner, the inode, and an attribute.
        message.resize(80, 0xff);
        message
    }

    fn summary<const N: usize>(sockets: [(u8, u32, u32); N]) -> TcpSummary {
        let mut summary = TcpSummary::default();
        for (state, rx_queue, tx_queue) in sockets {
            summary.add(&socket_of(&message(state, rx_queue, tx_queue)).expect("whole"));
        }
        summary
    }

    #[test]
    fn sockets_are_counted_by_state() {
        let seen = summary([
            (SYN_SENT, 0, 1),
            (SYN_RECV, 0, 0),
            (SYN_RECV, 0, 0),
            (TIME_WAIT, 0, 0),
            (FIN_WAIT_2, 0, 0),
            (CLOSE_WAIT, 0, 0),
        ]);
        let expected = TcpSummary {
            syn_sent: 1,
            syn_recv: 2,
            time_wait: 1,
            close_wait: 1,
            ..TcpSummary::default()
        };
        assert_eq!(seen, expected);
    }

    #[test]
    fn only_queues_of_established_connections_are_added_and_past_32_bits() {
        let seen = summary([
            (ESTABLISHED, u32::MAX, 3),
            (ESTABLISHED, 2, u32::MAX),
            (CLOSE_WAIT, 50, 60),
        ]);
        let expected = TcpSummary {
            established: 2,
            close_wait: 1,
            rx_queue: u64::from(u32::MAX) + 2,
            tx_queue: u64::from(u32::MAX) + 3,
            ..TcpSummary::default()
        };
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_message_cut_short_is_no_socket() {
        let whole = message(ESTABLISHED, 1, 2);
        assert!((0..64).all(|length| socket_of(&whole[..length]).is_none()));
        assert!((64..whole.len()).all(|length| socket_of(&whole[..length]).is_some()));
    }

    #[test]
    fn the_own_namespace_answers_without_any_capability() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
        let address = listener.local_addr().expect("its address");
        let _client = std::net::TcpStream::connect(address).expect("a connection");
        let summary = TcpDump::default().summary().expect("an answer");
        // Both of its ends, of which one is not accepted.
        assert!(summary.established >= 2, "{summary:?}");
    }

    proptest! {
        #[test]
        fn no_message_panics(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let mut summary = TcpSummary::default();
            if let Some(socket) = socket_of(&bytes) {
                summary.add(&socket);
            }
        }
    }
}
