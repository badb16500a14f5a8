//! The TCP sockets of a namespace, by `sock_diag` (`net/ipv4/inet_diag.c`, `net/ipv4/tcp_diag.c`).
//!
//! A dump walks the hash of all connections of the machine once, about 1 ms whatever the namespace
//! holds. The request is that of the first version (`TCPDIAG_GETSOCK`): it alone asks for both
//! families in one walk, where `SOCK_DIAG_BY_FAMILY` takes one for each.

use std::io;

use super::netlink::Dump;
use super::tcp::TcpSummary;

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
/// Sockets whose process waits for the peer to close too, and what is left of those it has closed.
const FIN_WAIT_2: u8 = 5;
const TIME_WAIT: u8 = 6;
const CLOSE_WAIT: u8 = 8;
/// Without `LISTEN` the hash of listeners is not walked.
const STATES: u32 =
    1 << ESTABLISHED | 1 << SYN_SENT | 1 << SYN_RECV | 1 << FIN_WAIT_2 | 1 << TIME_WAIT | 1 << CLOSE_WAIT;
/// `idiag_timer` of a `inet_timewait_sock`, whatever its state (`inet_twsk_diag_fill`).
const TIMER_OF_TIME_WAIT: u8 = 3;

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
        self.summary_of(|_| true)
    }

    /// The same of the sockets whose inode is `wanted`. What nobody has a descriptor of has inode 0.
    ///
    /// # Errors
    /// See [`TcpDump::summary`].
    pub fn summary_of(&mut self, wanted: impl Fn(u32) -> bool) -> io::Result<TcpSummary> {
        let mut summary = TcpSummary::default();
        let mut all_understood = true;
        self.dump.run(|message| match socket_of(message) {
            Some(socket) if wanted(socket.inode) => socket.add_to(&mut summary),
            Some(_) => {}
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
    timer: u8,
    rx_queue: u32,
    tx_queue: u32,
    inode: u32,
}

impl TcpSocket {
    fn add_to(&self, summary: &mut TcpSummary) {
        match self.state {
            _ if self.timer == TIMER_OF_TIME_WAIT => summary.time_wait += 1,
            ESTABLISHED => {
                summary.established += 1;
                summary.tx_queue += u64::from(self.tx_queue);
                summary.rx_queue += u64::from(self.rx_queue);
            }
            SYN_SENT => summary.syn_sent += 1,
            SYN_RECV => summary.syn_recv += 1,
            CLOSE_WAIT => summary.close_wait += 1,
            // In FIN_WAIT_2 with a process that waits, or something nobody asked for.
            _ => {}
        }
    }
}

/// The socket that a message is about; none if the message is cut short.
fn socket_of(message: &[u8]) -> Option<TcpSocket> {
    // struct inet_diag_msg: family, state, timer, retransmits, the addresses up to byte 52, when the
    // timer expires, the queues, the owner, the inode.
    let number = |at: usize| message.get(at..)?.first_chunk().map(|it| u32::from_ne_bytes(*it));
    Some(TcpSocket {
        state: *message.get(1)?,
        timer: *message.get(2)?,
        rx_queue: number(56)?,
        tx_queue: number(60)?,
        inode: number(68)?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const INODE: u32 = 4242;

    fn message((state, timer): (u8, u8), rx_queue: u32, tx_queue: u32) -> Vec<u8> {
        let mut message = vec![2, state, timer, 0];
        message.resize(56, 0xff);
        message.extend_from_slice(&rx_queue.to_ne_bytes());
        message.extend_from_slice(&tx_queue.to_ne_bytes());
        message.extend_from_slice(&[0xff; 4]);
        message.extend_from_slice(&INODE.to_ne_bytes());
        // An attribute.
        message.resize(80, 0xff);
        message
    }

    fn summary<const N: usize>(sockets: [((u8, u8), u32, u32); N]) -> TcpSummary {
        let mut summary = TcpSummary::default();
        for (state, rx_queue, tx_queue) in sockets {
            let message = message(state, rx_queue, tx_queue);
            socket_of(&message).expect("whole").add_to(&mut summary);
        }
        summary
    }

    #[test]
    fn sockets_are_counted_by_state() {
        let seen = summary([
            ((SYN_SENT, 1), 0, 1),
            ((SYN_RECV, 1), 0, 0),
            ((SYN_RECV, 1), 0, 0),
            ((TIME_WAIT, 3), 0, 0),
            ((FIN_WAIT_2, 3), 0, 0),
            ((FIN_WAIT_2, 0), 0, 0),
            ((CLOSE_WAIT, 0), 0, 0),
        ]);
        let expected = TcpSummary {
            syn_sent: 1,
            syn_recv: 2,
            time_wait: 2,
            close_wait: 1,
            ..TcpSummary::default()
        };
        assert_eq!(seen, expected);
    }

    #[test]
    fn only_queues_of_established_connections_are_added_and_past_32_bits() {
        let seen = summary([
            ((ESTABLISHED, 0), u32::MAX, 3),
            ((ESTABLISHED, 2), 2, u32::MAX),
            ((CLOSE_WAIT, 0), 50, 60),
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
        let whole = message((ESTABLISHED, 0), 1, 2);
        assert!((0..72).all(|length| socket_of(&whole[..length]).is_none()));
        assert_eq!(socket_of(&whole).map(|it| it.inode), Some(INODE));
        assert!((72..whole.len()).all(|length| socket_of(&whole[..length]).is_some()));
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
                socket.add_to(&mut summary);
            }
        }
    }
}
