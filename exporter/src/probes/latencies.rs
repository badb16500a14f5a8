//! What probes have in common that count two kinds of times of every network namespace.

use std::marker::PhantomData;
use std::sync::Arc;

use super::latency::{self, Threshold};
use super::tracer::{Counting, TracerProbe};
use super::{Probe, Rows, Traced};
use crate::config::{Args, ConfigError};
use crate::kernel::bpf::slots::FULL;
use crate::kernel::bpf::{BpfError, MapHandle, Table, Tracer};

/// The map that their programs count in: by slot, a histogram of each kind.
pub const TABLE: &str = "latencies";

/// Two kinds of times.
pub trait Latencies: Send + 'static {
    /// In the order of `struct latencies` of the program: the histogram, and the counters that it
    /// gives.
    const HISTOGRAMS: [(usize, &'static [Threshold]); 2];
    /// What is missed where tracepoints stand in for functions; none if they never do.
    const MISSED: Option<&'static str>;

    /// Loads the programs, which count in [`TABLE`].
    ///
    /// # Errors
    /// The kernel or this process cannot.
    fn load(traced: &Traced) -> Result<Tracer, BpfError>;
}

/// A probe of such times.
///
/// # Errors
/// Its arguments are not understood.
pub fn probe<L: Latencies>(args: &Args) -> Result<Probe, ConfigError> {
    let first = latency::first_bucket(args)?;
    Ok(Probe::node(TracerProbe::<OfNamespaces<L>>::new(first)))
}

struct OfNamespaces<L> {
    tracer: Tracer,
    table: Arc<Table>,
    unmeasured: MapHandle,
    times: PhantomData<L>,
}

impl<L: Latencies> Counting for OfNamespaces<L> {
    /// The first bucket that is exported.
    type Settings = usize;

    fn load(traced: &Traced, _: &usize) -> Result<Self, BpfError> {
        let programs = L::load(traced)?;
        Ok(Self {
            table: programs.table(&traced.tracing, TABLE)?,
            unmeasured: programs.map("unmeasured")?,
            tracer: programs,
            times: PhantomData,
        })
    }

    fn tracer(&self) -> &Tracer {
        &self.tracer
    }

    fn fill(&mut self, traced: &Traced, first: &usize, rows: &mut Rows) -> Result<(), BpfError> {
        let counts = traced.counts(&self.table)?;
        for (entity, slot) in traced.counted() {
            let histograms = latency::histograms(counts.of(slot));
            for (metric, histogram) in L::HISTOGRAMS.into_iter().zip(histograms) {
                latency::push(rows, metric, (entity, None, *first), histogram);
            }
            rows.read += 1;
        }
        Ok(())
    }

    fn limits(&self) -> Option<String> {
        L::MISSED.and_then(|missed| self.tracer.limits(missed))
    }

    /// Times of namespaces without a slot, and those that were not measured.
    fn without_room(&self, _: &Traced) -> Result<u64, BpfError> {
        let full = self.table.read(FULL)?;
        let without_slot: u64 = latency::histograms(&full).map(|it| it.count()).sum();
        Ok(without_slot.wrapping_add(latency::unmeasured(&self.unmeasured)?))
    }
}
