//! Many values of an array in one system call.

use std::ffi::c_void;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr;

use libbpf_rs::libbpf_sys::{bpf_map_batch_opts, bpf_map_lookup_batch};
use libbpf_rs::{MapCore, MapHandle};

/// A reader of the values of an array map, in the order of their numbers (`BPF_MAP_LOOKUP_BATCH`,
/// Linux 5.6).
#[derive(Debug)]
pub struct Batches<'m> {
    map: &'m MapHandle,
    numbers: Vec<u32>,
    words: Vec<u64>,
    words_of_value: usize,
    last: Option<u32>,
}

impl<'m> Batches<'m> {
    /// One that takes up to `rows` values at a time. The size of a value is a multiple of 8 bytes.
    pub fn of(map: &'m MapHandle, rows: usize) -> Self {
        let words_of_value = map.value_size().div_ceil(8) as usize;
        Self {
            map,
            numbers: vec![0; rows],
            words: vec![0; rows * words_of_value],
            words_of_value,
            last: None,
        }
    }

    /// The words of the next values, one value after the other: of `rows` at most, and of none when
    /// all have been read.
    ///
    /// # Errors
    /// The map is no array, or cannot be read.
    #[allow(unsafe_code)]
    pub fn next(&mut self, rows: u32) -> io::Result<&[u64]> {
        let mut count = rows.min(u32::try_from(self.numbers.len()).unwrap_or(u32::MAX));
        let mut before = self.last.unwrap_or(0);
        let mut last = 0_u32;
        let options = bpf_map_batch_opts {
            sz: size_of::<bpf_map_batch_opts>() as _,
            elem_flags: 0,
            flags: 0,
        };
        let from = match self.last {
            Some(_) => ptr::from_mut(&mut before).cast::<c_void>(),
            None => ptr::null_mut(),
        };
        // SAFETY: there is room for `count` numbers and values in the two vectors, each value taking
        // the size of the map's, which the kernel rounds up to 8 bytes; `from` and `last` are numbers.
        let result = unsafe {
            bpf_map_lookup_batch(
                self.map.as_fd().as_raw_fd(),
                from,
                ptr::from_mut(&mut last).cast(),
                self.numbers.as_mut_ptr().cast(),
                self.words.as_mut_ptr().cast(),
                &raw mut count,
                &raw const options,
            )
        };
        // The last batch ends with ENOENT.
        if result < 0 && result != -libc::ENOENT {
            return Err(io::Error::from_raw_os_error(-result));
        }
        self.last = Some(last);
        Ok(&self.words[..count as usize * self.words_of_value])
    }
}
