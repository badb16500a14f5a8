//! Telling the program which functions of the kernel free what nobody misses.

use std::sync::{Arc, Once};
use std::thread::JoinHandle;

use libbpf_rs::{MapCore, MapFlags, MapHandle};

use super::reasons::ROUTINE_PLACES;
use crate::kernel::kallsyms::{self, Range};

/// A function in the map, `struct place` in `bpf/include/routine.h`.
const PLACE_BYTES: usize = 16;

/// The functions as the program knows them. They are read in the background: all symbols of the
/// kernel take a good part of the time in which the exporter is to be ready.
#[derive(Debug)]
pub struct Places {
    map: Arc<MapHandle>,
    reading: Option<JoinHandle<()>>,
    /// As it was when they were read: modules have such functions too.
    modules: Option<u64>,
}

impl Places {
    /// Those of a program that knows none yet.
    pub fn new(map: MapHandle) -> Self {
        let mut places = Self {
            map: Arc::new(map),
            reading: None,
            modules: None,
        };
        places.read();
        places
    }

    /// Has them read again if modules have come or gone.
    pub fn refresh(&mut self) {
        let is_reading = self.reading.as_ref().is_some_and(|it| !it.is_finished());
        if !is_reading && kallsyms::modules() != self.modules {
            self.read();
        }
    }

    fn read(&mut self) {
        self.modules = kallsyms::modules();
        let map = Arc::clone(&self.map);
        let thread = std::thread::Builder::new().name("symbols".into());
        self.reading = thread.spawn(move || tell(&map)).ok();
    }
}

fn tell(map: &MapHandle) {
    static HIDDEN: Once = Once::new();
    let told = match kallsyms::ranges(ROUTINE_PLACES) {
        Ok(Some(ranges)) => write(map, &ranges).map(|()| ranges.len()),
        Ok(None) => {
            HIDDEN.call_once(|| {
                tracing::info!(
                    "the kernel hides its symbols (CAP_SYSLOG is missing): packetloss counts what sockets \
                     leave unread at their close as NOT_SPECIFIED where the kernel gives no reason"
                );
            });
            return;
        }
        Err(error) => Err(error.into()),
    };
    match told {
        Ok(places) => tracing::debug!("packetloss knows {places} places of routine frees"),
        Err(error) => tracing::info!("packetloss does not know the places of routine frees: {error}"),
    }
}

fn write(map: &MapHandle, ranges: &[Range]) -> Result<(), libbpf_rs::Error> {
    let value = bytes(ranges, map.value_size() as usize);
    map.update(&0_u32.to_ne_bytes(), &value, MapFlags::ANY)
}

fn bytes(ranges: &[Range], size: usize) -> Vec<u8> {
    let room = ranges.iter().take(size / PLACE_BYTES);
    let mut value: Vec<u8> = room
        .flat_map(|(start, length)| [*start, *length])
        .flat_map(u64::to_ne_bytes)
        .collect();
    value.resize(size, 0);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_fill_the_value_as_far_as_there_is_room() {
        let words = |ranges: &[Range], size| -> Vec<u64> {
            let value = bytes(ranges, size);
            let word = |chunk: &[u8]| chunk.first_chunk().map_or(0, |it| u64::from_ne_bytes(*it));
            value.chunks_exact(8).map(word).collect()
        };
        assert_eq!(words(&[(7, 1)], 32), [7, 1, 0, 0]);
        assert_eq!(words(&[(7, 1), (9, 2), (11, 3)], 32), [7, 1, 9, 2]);
        assert_eq!(words(&[], 16), [0, 0]);
    }
}
