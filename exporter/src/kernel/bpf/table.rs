//! Counters of a tracing program: an array with a few rows for each slot.

use libbpf_rs::{MapCore, MapFlags, MapHandle};

use super::BpfError;
use super::slots::FULL;

/// CPUs share so many rows of a slot (`rows.h`).
const MOST_STRIPES: u32 = 8;

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
