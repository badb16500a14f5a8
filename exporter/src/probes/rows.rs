//! What a probe gives in one collection: a row for each entity, or why there is none.

use std::borrow::Cow;
use std::time::Duration;

use super::{ProbeError, ProbeSpec};
use crate::metrics::Samples;
use crate::node::Entity;

/// The rows of one probe, as they are filled.
#[derive(Debug)]
pub struct Rows {
    /// Whose rows they are.
    pub spec: &'static ProbeSpec,
    /// The numbers.
    pub samples: Samples,
    /// Entities it gave numbers for.
    pub read: usize,
    /// Entities it failed for.
    pub failed: usize,
    /// Counts that found no room in a BPF map.
    pub without_room: u64,
    /// How long its BPF programs have run, if the kernel measures it.
    pub bpf_run_time: Option<Duration>,
    /// The first error.
    pub error: Option<String>,
    /// Why it does not apply here, if it does not.
    pub not_applicable: Option<Cow<'static, str>>,
    /// Why it sees less here than elsewhere, if it does.
    pub limits: Option<String>,
}

impl Rows {
    /// Empty rows for `entities`.
    pub fn new(spec: &'static ProbeSpec, entities: usize) -> Self {
        let samples = Samples::new(spec.metrics, entities);
        Self {
            spec,
            samples,
            read: 0,
            failed: 0,
            without_room: 0,
            bpf_run_time: None,
            error: None,
            not_applicable: None,
            limits: None,
        }
    }

    /// Fills the row of an entity; a row that cannot be filled is left empty.
    pub fn fill(
        &mut self,
        index: usize,
        entity: &Entity,
        read: impl FnOnce(&mut [Option<u64>]) -> Result<(), ProbeError>,
    ) -> Result<(), ProbeError> {
        let row = self.samples.row_mut(index);
        match read(row) {
            Ok(()) => {
                self.read += 1;
                Ok(())
            }
            Err(error) => {
                row.fill(None);
                self.fail(&error, Some(entity));
                Err(error)
            }
        }
    }

    /// Notes an error, of one entity or of the whole node.
    pub fn fail(&mut self, error: &ProbeError, at: Option<&Entity>) {
        if let ProbeError::NotApplicable(why) = error {
            self.not_applicable = Some(why.clone());
            return;
        }
        self.failed += 1;
        self.error.get_or_insert_with(|| match at {
            Some(entity) if !entity.netns.is_empty() => format!("{}: {error}", entity.netns),
            _ => error.to_string(),
        });
    }
}
