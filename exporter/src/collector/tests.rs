//! What a probe with a defect costs, and what may leave the exporter.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::{Collection, Engine, ProbeState, series};
use crate::config::{Args, Config, Overrides, ProbeConfig, parse};
use crate::kernel::procfs::{NetFile, ProcFs};
use crate::metrics::{Metric, Samples, Source};
use crate::node::{Entities, Entity, EntityKind, PodNames};
use crate::probes::{FileProbe, NetnsView, Probe, ProbeError, ProbeSpec};

const METRICS: &[Metric] = &[Metric::counter("a_total", "1", "A.", Source::Other("a test"))];
/// Printing a backtrace takes a while.
const DEADLINE: Duration = Duration::from_secs(30);
const SHORT_DEADLINE: Duration = Duration::from_millis(300);

macro_rules! spec {
    ($name:ident, $file:ident, $read:expr) => {
        static $name: ProbeSpec = ProbeSpec {
            name: stringify!($name),
            older_names: &[],
            default: true,
            about: "A test",
            args: &[],
            metrics: METRICS,
            build: |_| {
                Ok(Probe::files(Fake {
                    files: &[NetFile::$file],
                    read: $read,
                }))
            },
        };
    };
}

struct Fake {
    files: &'static [NetFile],
    read: fn(&mut [Option<u64>]) -> Result<(), ProbeError>,
}

impl FileProbe for Fake {
    fn files(&self) -> &'static [NetFile] {
        self.files
    }

    fn read(&mut self, _: &NetnsView<'_>, row: &mut [Option<u64>]) -> Result<(), ProbeError> {
        (self.read)(row)
    }
}

#[allow(
    clippy::unnecessary_wraps,
    reason = "it stands for the reading of a probe, which can fail"
)]
fn count(row: &mut [Option<u64>]) -> Result<(), ProbeError> {
    row[0] = Some(1);
    Ok(())
}

fn config(specs: &[&'static ProbeSpec]) -> Arc<Config> {
    let mut config = parse("", &Overrides::default()).expect("the defaults").config;
    config.probes = specs
        .iter()
        .map(|spec| ProbeConfig {
            spec,
            args: Args::default(),
        })
        .collect();
    Arc::new(config)
}

fn collect(specs: &[&'static ProbeSpec]) -> (Engine, Collection) {
    let mut engine = Engine::new(ProcFs::default(), None, false, PodNames::default());
    let collection = engine.collect(&config(specs), DEADLINE);
    (engine, collection)
}

spec!(GOOD, Snmp, count);
spec!(PANICS, Snmp, |_| panic!("a defect"));

#[test]
fn a_probe_that_panics_costs_only_itself_and_says_so() {
    let (_, collection) = collect(&[&PANICS, &GOOD]);
    let [panics, good] = &collection.probes[..] else {
        panic!("two probes")
    };
    assert_eq!(panics.status.state, ProbeState::Failed);
    assert!(
        panics
            .status
            .reason
            .as_deref()
            .is_some_and(|it| it.contains("a defect")),
        "{panics:?}"
    );
    assert_eq!((panics.samples.series(), panics.status.errors_total), (0, 1));
    assert_eq!(
        (good.status.state, good.samples.series() > 0),
        (ProbeState::Up, true)
    );
}

static SLOW_READS: AtomicUsize = AtomicUsize::new(0);
spec!(SLOW_ONCE, Snmp, |row| {
    if SLOW_READS.fetch_add(1, Ordering::Relaxed) == 0 {
        std::thread::sleep(SHORT_DEADLINE * 2);
    }
    count(row)
});
spec!(OTHER_FILE, Netstat, count);

#[test]
fn a_probe_that_is_late_is_left_out_and_comes_back() {
    let mut engine = Engine::new(ProcFs::default(), None, false, PodNames::default());
    let first = engine.collect(&config(&[&SLOW_ONCE, &OTHER_FILE]), SHORT_DEADLINE);
    let states = |collection: &Collection| {
        collection
            .probes
            .iter()
            .map(|it| it.status.state)
            .collect::<Vec<_>>()
    };
    assert_eq!(states(&first), [ProbeState::Failed, ProbeState::Up]);
    assert!(
        first.probes[0]
            .status
            .reason
            .as_deref()
            .is_some_and(|it| it.contains("not finished within"))
    );
    std::thread::sleep(SHORT_DEADLINE * 3);
    let second = engine.collect(&first.config, DEADLINE);
    assert_eq!(states(&second), [ProbeState::Up, ProbeState::Up]);
    assert_eq!(second.probes[0].status.errors_total, 1);
}

spec!(ABSENT, Snmp, |_| Err(ProbeError::NotApplicable(
    "no such feature".into()
)));

#[test]
fn what_does_not_apply_is_no_error() {
    let (_, collection) = collect(&[&ABSENT]);
    let status = &collection.probes[0].status;
    assert_eq!(
        (status.state, status.errors_total),
        (ProbeState::NotApplicable, 0)
    );
    assert_eq!(status.reason.as_deref(), Some("no such feature"));
}

#[test]
fn past_the_limit_the_last_probes_are_left_out_whole_and_counted() {
    let mut limited = Config::clone(&config(&[&GOOD, &OTHER_FILE]));
    limited.max_series = 1;
    let mut engine = Engine::new(ProcFs::default(), None, false, PodNames::default());
    let limited = Arc::new(limited);
    let collection = engine.collect(&limited, DEADLINE);
    let of_one_probe = collection.entities.exported.len();
    let dropped = |collection: &Collection| {
        collection
            .probes
            .iter()
            .map(|it| it.status.series_dropped_total)
            .sum::<u64>()
    };
    // With a single namespace on this machine the first probe fits; with more neither does.
    let expected = if of_one_probe == 1 {
        1
    } else {
        2 * of_one_probe as u64
    };
    assert_eq!(dropped(&collection), expected);
    assert_eq!(collection.probes[1].samples.series(), 0);
    assert!(dropped(&engine.collect(&limited, DEADLINE)) >= 2 * expected);
}

#[test]
fn of_two_namespaces_with_the_same_labels_one_is_exported_and_the_other_counted() {
    let entity = |kind, netns: &str, inode| Entity {
        inode,
        cookie: None,
        kind,
        netns: netns.into(),
        pod: None,
        pod_uid: None,
        container_id: None,
        processes: 1,
        readers: Vec::new(),
    };
    let entities = Entities {
        exported: vec![
            entity(EntityKind::Host, "", 1),
            entity(EntityKind::Other, "twin", 2),
            entity(EntityKind::Other, "twin", 3),
        ],
        ..Entities::default()
    };
    let (_, collection) = collect(&[&GOOD]);
    let labels = series::labels(&entities, &collection.config, &crate::node::Naming::Plain);
    let mut probes = vec![collection.probes[0].clone()];
    probes[0].samples = Samples::new(METRICS, 3);
    (0..3).for_each(|row| probes[0].samples.row_mut(row)[0] = Some(row as u64));
    series::drop_duplicates(&entities, &labels, &mut probes);
    assert_eq!(probes[0].samples.column(0).collect::<Vec<_>>(), [(0, 0), (1, 1)]);
    assert_eq!(probes[0].status.series_dropped_total, 1);
}

#[test]
fn an_unchanged_probe_keeps_its_state_over_a_change_of_the_configuration() {
    let (mut engine, first) = collect(&[&GOOD]);
    let errors = first.probes[0].status.errors_total;
    let second = engine.collect(&config(&[&GOOD, &OTHER_FILE]), DEADLINE);
    assert_eq!(second.probes.len(), 2);
    assert_eq!(second.probes[0].status.errors_total, errors);
    assert_eq!(second.number, first.number + 1);
}
