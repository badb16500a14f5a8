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

/// Sends one dump request of `protocol` and hands the payload of every answer to `each`.
///
/// The dump is that of the network namespace the calling thread is in.
///
/// # Errors
/// The socket fails, or the kernel refuses the request.
pub fn dump(
    protocol: isize,
    message_type: u16,
    payload: &[u8],
    mut each: impl FnMut(&[u8]),
) -> io::Result<()> {
    let mut socket = Socket::new(protocol)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    socket.send(&request(message_type, payload), 0)?;
    let mut received = Vec::with_capacity(RECEIVE_BUFFER);
    loop {
        received.clear();
        socket.recv(&mut received, 0)?;
        if received.is_empty() || read_datagram(&received, &mut each)? {
            return Ok(());
        }
    }
}

/// Reads the messages of one datagram; `true` once the dump is done.
fn read_datagram(mut rest: &[u8], each: &mut impl FnMut(&[u8])) -> io::Result<bool> {
    while rest.len() >= HEADER_LENGTH {
        let message = NetlinkBuffer::new_checked(rest).map_err(io::Error::other)?;
        match message.message_type() {
            NLMSG_DONE => return Ok(true),
            NLMSG_ERROR => return Err(error_of(message.payload())),
            _ => each(message.payload()),
        }
        let aligned = (message.length() as usize).next_multiple_of(4);
        rest = rest.get(aligned..).unwrap_or_default();
    }
    Ok(false)
}

fn error_of(payload: &[u8]) -> io::Error {
    let code = payload
        .first_chunk()
        .map_or(0, |bytes| i32::from_ne_bytes(*bytes));
    io::Error::from_raw_os_error(code.wrapping_neg())
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
