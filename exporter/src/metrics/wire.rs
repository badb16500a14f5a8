//! The wire format of Protocol Buffers (<https://protobuf.dev/programming-guides/encoding/>), as
//! far as the exposition needs it.

/// How the value of a field is written.
#[derive(Debug, Clone, Copy)]
pub enum WireType {
    /// Seven bits a byte, the lowest first.
    Varint = 0,
    /// Eight bytes.
    Fixed64 = 1,
    /// A length and that many bytes.
    Length = 2,
}

/// What stands before the value of a field: its number and its wire type.
pub const fn key(field: u8, wire: WireType) -> u8 {
    assert!(0 < field && field < 16, "only these have keys of one byte");
    field << 3 | wire as u8
}

/// Writes a whole number.
pub fn put_varint(out: &mut Vec<u8>, value: u64) {
    out.extend(varint(value));
}

/// Writes a length.
pub fn put_length(out: &mut Vec<u8>, length: usize) {
    put_varint(out, length as u64);
}

/// Writes a field that is a string.
pub fn put_string(out: &mut Vec<u8>, key: u8, value: &str) {
    out.push(key);
    put_length(out, value.len());
    out.extend_from_slice(value.as_bytes());
}

/// Writes a message behind its length, which is known only once the message is there: `room` bytes
/// are kept for it. A length that takes more or fewer is right as well; the message is then moved.
pub fn put_message(out: &mut Vec<u8>, room: usize, message: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.resize(start + room, 0);
    message(out);
    let length = out.len() - start - room;
    out.splice(start..start + room, varint(length as u64));
}

fn varint(mut value: u64) -> impl Iterator<Item = u8> {
    let bytes = value.checked_ilog2().map_or(1, |highest| highest / 7 + 1);
    (0..bytes).rev().map(move |left| {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if left > 0 { low | 0x80 } else { low & 0x7f }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers on both sides of every length, and how they are written.
    const VARINTS: [(u64, &[u8]); 9] = [
        (0, &[0]),
        (1, &[1]),
        (127, &[0x7f]),
        (128, &[0x80, 0x01]),
        (16_383, &[0xff, 0x7f]),
        (16_384, &[0x80, 0x80, 0x01]),
        (2_097_151, &[0xff, 0xff, 0x7f]),
        (2_097_152, &[0x80, 0x80, 0x80, 0x01]),
        (
            u64::MAX,
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        ),
    ];

    #[test]
    fn whole_numbers_take_as_few_bytes_as_can_be() {
        for (value, expected) in VARINTS {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            assert_eq!(out, expected, "{value}");
        }
    }

    #[test]
    fn a_message_of_any_length_stands_behind_it_whatever_the_room() {
        for (length, prefix) in &VARINTS[..8] {
            let body: Vec<u8> = (0..*length).map(|byte| byte.to_le_bytes()[0]).collect();
            for room in 0..5 {
                let mut out = vec![0xaa];
                put_message(&mut out, room, |out| out.extend_from_slice(&body));
                assert_eq!(out, [&[0xaa], *prefix, &body].concat(), "{length} in {room}");
            }
        }
    }

    #[test]
    fn messages_nest() {
        let mut out = Vec::new();
        put_message(&mut out, 1, |out| {
            put_string(out, key(1, WireType::Length), "ab");
            out.push(key(2, WireType::Length));
            put_message(out, 3, |out| out.push(7));
        });
        assert_eq!(out, [7, 0x0a, 2, b'a', b'b', 0x12, 1, 7]);
    }
}
