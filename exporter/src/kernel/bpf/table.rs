//! Counters of a tracing program: an array with a few rows for each slot.

use libbpf_rs::{MapCore, MapFlags, MapHandle};

use super::BpfError;
use super::batch::Batches;
use super::slots::FULL;

/// CPUs share so many rows of a slot (`rows.h`).
const MOST_STRIPES: u32 = 8;

/// Bytes that are read at a time: enough that the system call costs nothing, and few enough to stay
/// in the cache.
const BATCH: usize = 32 << 10;

/// The counters of the first slots.
#[derive(Debug)]
pub struct Counts {
    words: usize,
    sums: Vec<u64>,
}

impl Counts {
    /// The counters of a slot; none of one that was not read.
    pub fn of(&self, slot: u32) -> &[u64] {
        let start = slot as usize * self.words;
        self.sums.get(start..start + self.words).unwrap_or_default()
    }
}

/// How many rows a slot has on a machine with that many CPUs.
pub fn stripes(cpus: u32) -> u32 {
    cpus.next_power_of_two().min(MOST_STRIPES)
}

/// Counters by slot.
#[derive(Debug)]
pub struct Table {
    map: MapHandle,
    stripes: u32,
    words: usize,
}

impl Table {
    /// The table in `map`, whose slots have that many rows each.
    pub fn new(map: MapHandle, stripes: u32) -> Self {
        let words = map.value_size() as usize / 8;
        Self { map, stripes, words }
    }

    /// Counters of a slot.
    pub fn words(&self) -> usize {
        self.words
    }

    /// The counters of the slots before `end`, the rows of each added up.
    ///
    /// # Errors
    /// The map cannot be read.
    pub fn read_until(&self, end: u32) -> Result<Counts, BpfError> {
        let mut sums = vec![0_u64; end as usize * self.words];
        let mut left = end * self.stripes;
        let mut batches = Batches::of(&self.map, BATCH.div_ceil(self.words * 8));
        let mut row = 0;
        while left > 0 {
            let read = batches
                .next(left)
                .map_err(|error| BpfError::of_io("reading counters", &error))?;
            if read.is_empty() {
                break;
            }
            for words in read.chunks_exact(self.words) {
                let slot = row / self.stripes as usize;
                let sums = &mut sums[slot * self.words..(slot + 1) * self.words];
                sums.iter_mut()
                    .zip(words)
                    .for_each(|(sum, word)| *sum = sum.wrapping_add(*word));
                row += 1;
                left -= 1;
            }
        }
        Ok(Counts {
            words: self.words,
            sums,
        })
    }

    /// The counters of a slot, its rows added up.
    ///
    /// # Errors
    /// The map cannot be read.
    pub fn read(&self, slot: u32) -> Result<Vec<u64>, BpfError> {
        let mut sums = vec![0_u64; self.words];
        let mut row = vec![0; self.words * 8];
        for number in slot * self.stripes..(slot + 1) * self.stripes {
            self.map
                .lookup_into(&number.to_ne_bytes(), &mut row, MapFlags::ANY)
                .map_err(|error| BpfError::of("reading counters", &error))?;
            for (sum, word) in sums.iter_mut().zip(row.chunks_exact(8)) {
                let word = word.first_chunk().map_or(0, |it| u64::from_ne_bytes(*it));
                *sum = sum.wrapping_add(word);
            }
        }
        Ok(sums)
    }

    /// What was counted for namespaces without a slot, all counters added up.
    ///
    /// # Errors
    /// The map cannot be read.
    pub fn without_slot(&self) -> Result<u64, BpfError> {
        let counts = self.read(FULL)?;
        Ok(counts.into_iter().fold(0, u64::wrapping_add))
    }

    /// Zeroes the counters of a slot.
    ///
    /// # Errors
    /// The map cannot be written.
    pub fn zero(&self, slot: u32) -> Result<(), libbpf_rs::Error> {
        let nothing = vec![0; self.words * 8];
        let mut rows = slot * self.stripes..(slot + 1) * self.stripes;
        rows.try_for_each(|row| self.map.update(&row.to_ne_bytes(), &nothing, MapFlags::ANY))
    }
}
