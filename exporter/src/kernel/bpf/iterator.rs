//! Reading an iterator: its link is made once, and every pass opens it anew.

use std::io::{self, Read};

use libbpf_rs::{Iter, Link};

const CHUNK: usize = 64 * 1024;

/// Reads one pass of the iterator behind `link` to its end into `buffer`.
pub fn read_pass(link: &Link, buffer: &mut Vec<u8>) -> io::Result<()> {
    let mut iterator = Iter::new(link).map_err(io::Error::other)?;
    let mut length = 0;
    loop {
        if buffer.len() < length + CHUNK {
            buffer.resize(length + CHUNK, 0);
        }
        match iterator.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            // After a million objects without a record the kernel wants to be asked again.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) => {}
            Err(error) => return Err(error),
        }
    }
    buffer.truncate(length);
    Ok(())
}
