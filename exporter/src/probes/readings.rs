//! Processes whose numbers are missing from those of their entity.

use super::{ProbeError, Rows};
use crate::kernel::procfs::process::ProcessError;
use crate::node::Entity;

/// Which entities were read through their processes, and how far.
#[derive(Debug)]
pub struct Readings {
    file: &'static str,
    entities: Vec<Reading>,
}

#[derive(Debug, Default, Clone)]
struct Reading {
    read: usize,
    unread: usize,
    why: Option<ProcessError>,
}

impl Readings {
    /// Nothing is read of `entities` yet. `file` is what is read of each process.
    pub fn new(file: &'static str, entities: usize) -> Self {
        let entities = vec![Reading::default(); entities];
        Self { file, entities }
    }

    /// A process of an entity was read.
    pub fn read(&mut self, entity: usize) {
        self.entities[entity].read += 1;
    }

    /// A process of an entity could not be read. One that has ended is no loss.
    pub fn unread(&mut self, entity: usize, why: ProcessError) {
        if why != ProcessError::Gone {
            let reading = &mut self.entities[entity];
            reading.unread += 1;
            reading.why.get_or_insert(why);
        }
    }

    /// `true` if no process was read though there was none to keep from it: the kernel has no such
    /// file.
    pub fn is_without_file(&self) -> bool {
        self.entities.iter().all(|it| it.read == 0 && it.unread == 0)
    }

    /// Fills the rows of the entities and notes what they lack. An entity none of whose processes
    /// could be read has no numbers.
    pub fn fill(&self, rows: &mut Rows, entities: &[Entity], row_of: impl Fn(usize, &mut [Option<u64>])) {
        for (index, (entity, reading)) in entities.iter().zip(&self.entities).enumerate() {
            if reading.read > 0 || reading.unread == 0 {
                let _ = rows.fill(index, entity, |row| {
                    row_of(index, row);
                    Ok(())
                });
            }
            if let Some(why) = &reading.why {
                let error = ProbeError::Node {
                    path: self.file.into(),
                    reason: format!("of {} processes: {why}", reading.unread),
                };
                rows.fail(&error, Some(entity));
            }
        }
    }
}
