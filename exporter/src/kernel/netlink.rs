//! Netlink dumps: one request, many answers. Attributes are read one by one and what is unknown
//! is passed over, since a newer kernel may send more than any library knows.

use std::io;

use netlink_packet_core::{NetlinkBuffer, NlasIterator};
use netlink_sys::{Socket, SocketAddr};

const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_DUMP: u16 = 0x300;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const HEADER_LENGTH: usize = 16;
/// The kernel fills at most 32 KiB of a dump at once (`netlink_dump` in `net/netlink/af_netlink.c`).
const RECEIVE_BUFFER: usize = 32 * 1024;

/// A request for a dump, which can be sent in one network namespace after another; its buffer lives
/// on from one answer to the next.
#[derive(Debug)]
pub struct Dump {
    protocol: isize,
    request: Vec<u8>,
    received: Vec<u8>,
}

impl Dump {
    /// A request of `protocol`.
    pub fn new(protocol: isize, message_type: u16, payload: &[u8]) -> Self {
        Self {
            protocol,
            request: request(message_type, payload),
            received: Vec::with_capacity(RECEIVE_BUFFER),
        }
    }

    /// Sends the request and hands the payload of every answer to `each`.
    ///
    /// The dump is that of the network namespace the calling thread is in.
    ///
    /// # Errors
    /// The socket fails, the kernel refuses the request, or it could not finish the dump.
    pub fn run(&mut self, mut each: impl FnMut(&[u8])) -> io::Result<()> {
        let socket = Socket::new(self.protocol)?;
        // The kernel binds the socket when it is first used.
        socket.connect(&SocketAddr::new(0, 0))?;
        socket.send(&self.request, 0)?;
        loop {
            self.received.clear();
            socket.recv(&mut self.received, 0)?;
            if self.received.is_empty() || read_datagram(&self.received, &mut each)? {
                return Ok(());
            }
        }
    }
}

/// Reads the messages of one datagram; `true` once the dump is done.
fn read_datagram(mut rest: &[u8], each: &mut impl FnMut(&[u8])) -> io::Result<bool> {
    while rest.len() >= HEADER_LENGTH {
        let message = NetlinkBuffer::new_checked(rest).map_err(io::Error::other)?;
        let payload = message.payload();
        match message.message_type() {
            // The kernel ends with how the dump went: 0, or what kept it from going on.
            NLMSG_DONE if code_of(payload) < 0 => return Err(error_of(payload)),
            NLMSG_DONE => return Ok(true),
            NLMSG_ERROR => return Err(error_of(payload)),
            _ => each(payload),
        }
        let aligned = (message.length() as usize).next_multiple_of(4);
        rest = rest.get(aligned..).unwrap_or_default();
    }
    Ok(false)
}

fn error_of(payload: &[u8]) -> io::Error {
    io::Error::from_raw_os_error(code_of(payload).wrapping_neg())
}

fn code_of(payload: &[u8]) -> i32 {
    payload
        .first_chunk()
        .map_or(0, |bytes| i32::from_ne_bytes(*bytes))
}

fn request(message_type: u16, payload: &[u8]) -> Vec<u8> {
    let length = HEADER_LENGTH + payload.len();
    let mut bytes = vec![0; length];
    let mut header = NetlinkBuffer::new(&mut bytes[..]);
    header.set_length(u32::try_from(length).unwrap_or(u32::MAX));
    header.set_message_type(message_type);
    header.set_flags(NLM_F_REQUEST | NLM_F_DUMP);
    header.set_sequence_number(1);
    bytes[HEADER_LENGTH..].copy_from_slice(payload);
    bytes
}

/// The attributes in `bytes` as `(kind, value)`; the first one that is malformed ends them.
pub fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    const ATTRIBUTE_HEADER: usize = 4;
    let mut start = 0;
    NlasIterator::new(bytes)
        .map_while(Result::ok)
        .map(move |attribute| {
            let value = start + ATTRIBUTE_HEADER..start + usize::from(attribute.length());
            start = value.end.next_multiple_of(4);
            (attribute.kind(), &bytes[value])
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(message_type: u16, payload: &[u8]) -> Vec<u8> {
        let mut bytes = request(message_type, payload);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn read(datagram: &[u8]) -> (Vec<Vec<u8>>, io::Result<bool>) {
        let mut payloads = Vec::new();
        let done = read_datagram(datagram, &mut |payload| payloads.push(payload.to_vec()));
        (payloads, done)
    }

    #[test]
    fn every_message_is_handed_on_until_the_dump_is_done() {
        let datagram = [message(36, b"one"), message(36, b"four")].concat();
        let (payloads, done) = read(&datagram);
        assert_eq!(payloads, [&b"one"[..], b"four"]);
        assert!(!done.expect("readable"));
        let datagram = [message(36, b"last"), message(NLMSG_DONE, &[0; 4])].concat();
        let (payloads, done) = read(&datagram);
        assert_eq!(payloads, [b"last"]);
        assert!(done.expect("readable"));
    }

    #[test]
    fn a_refusal_and_a_dump_that_was_not_finished_are_errors() {
        const ENOMEM: i32 = 12;
        for message_type in [NLMSG_ERROR, NLMSG_DONE] {
            let (_, done) = read(&message(message_type, &(-ENOMEM).to_ne_bytes()));
            assert_eq!(done.expect_err("an error").raw_os_error(), Some(ENOMEM));
        }
    }

    #[test]
    fn a_message_cut_short_is_an_error() {
        let whole = message(36, b"payload.");
        assert!(read(&whole[..whole.len() - 1]).1.is_err());
    }

    proptest! {
        #[test]
        fn no_datagram_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
            let _ = attributes(&bytes).count();
            // The length is right, so that what is within is reached.
            let _ = read(&message(36, &bytes));
        }
    }
}
