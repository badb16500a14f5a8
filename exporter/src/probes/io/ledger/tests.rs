//! Processes that work, end and are waited for, and what an entity has done by that.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::node::EntityKind;

const INIT: u32 = 1;

fn entity(inode: u64) -> Entity {
    Entity {
        inode,
        cookie: None,
        kind: EntityKind::Other,
        netns: String::new(),
        pod: None,
        pod_uid: None,
        container_id: None,
        processes: 1,
        readers: Vec::new(),
    }
}

fn calls(number: u64) -> IoCounters {
    IoCounters {
        read_calls: number,
        ..IoCounters::default()
    }
}

fn id(pid: u32, started: u64) -> ProcessId {
    ProcessId { pid, started }
}

/// A process that started at the time that is its pid.
fn process(pid: u32, parent: u32, entity: usize, io: u64) -> ProcessIo {
    ProcessIo {
        id: id(pid, pid.into()),
        parent: (parent != 0).then(|| id(parent, parent.into())),
        place: Place::Entity(entity),
        io: Some(calls(io)),
    }
}

fn ended(process: ProcessIo) -> ProcessIo {
    ProcessIo {
        place: Place::Ended,
        ..process
    }
}

/// A ledger made at time 100, with two entities.
struct Node {
    ledger: Ledger,
    entities: Vec<Entity>,
    now: u64,
}

impl Node {
    fn new() -> Self {
        Self {
            ledger: Ledger::new(100),
            entities: vec![entity(70), entity(71)],
            now: 100,
        }
    }

    /// A collection ten ticks after the last one.
    fn collect<const N: usize>(&mut self, processes: [ProcessIo; N]) -> [u64; 2] {
        self.now += 10;
        let totals = self.ledger.settle(&self.entities, &processes, self.now);
        assert_eq!(totals.len(), 2);
        [totals[0].read_calls, totals[1].read_calls]
    }
}

#[test]
fn what_was_done_before_the_first_collection_is_not_counted() {
    let mut node = Node::new();
    assert_eq!(
        node.collect([process(1, 0, 0, 5000), process(7, 1, 1, 300)]),
        [0, 0]
    );
    assert_eq!(
        node.collect([process(1, 0, 0, 5001), process(7, 1, 1, 320)]),
        [1, 20]
    );
}

#[test]
fn a_process_born_since_counts_from_nothing_and_one_that_was_hidden_from_now() {
    let mut node = Node::new();
    node.collect([process(1, 0, 0, 0)]);
    let (born, hidden) = (process(105, 1, 1, 40), process(50, 1, 1, 3000));
    assert_eq!(node.collect([process(1, 0, 0, 0), hidden, born]), [0, 40]);
    let (born, hidden) = (process(105, 1, 1, 41), process(50, 1, 1, 3002));
    assert_eq!(node.collect([process(1, 0, 0, 0), hidden, born]), [0, 43]);
}

/// The scan of the processes comes before the collection is settled.
#[test]
fn a_process_born_between_a_scan_and_its_end_counts_from_nothing_too() {
    let mut node = Node::new();
    node.collect([process(1, 0, 0, 0)]);
    node.collect([process(1, 0, 0, 0)]);
    // Settled at 120, scanned a little before.
    assert_eq!(node.collect([process(1, 0, 0, 0), process(119, 1, 0, 8)]), [8, 0]);
}

#[test]
fn a_pid_used_again_is_another_process() {
    let mut node = Node::new();
    node.collect([process(1, 0, 0, 0), process(50, 1, 0, 1000)]);
    let mut reused = process(50, 1, 0, 3);
    reused.id.started = 106;
    assert_eq!(node.collect([process(1, 0, 0, 0), reused]), [3, 0]);
}

#[test]
fn what_a_child_did_is_not_counted_again_when_its_parent_inherits_it() {
    let mut node = Node::new();
    node.collect([process(1, 0, 0, 10), process(50, 1, 0, 1000)]);
    assert_eq!(
        node.collect([process(1, 0, 0, 10), process(50, 1, 0, 1400)]),
        [400, 0]
    );
    // Six more before its end, and two of the parent itself.
    assert_eq!(node.collect([process(1, 0, 0, 10 + 1406 + 2)]), [408, 0]);
}

#[test]
fn children_that_no_collection_saw_are_counted_by_their_parent() {
    let mut node = Node::new();
    node.collect([process(1, 0, 0, 10)]);
    assert_eq!(node.collect([process(1, 0, 0, 10 + 1000 * 7)]), [7000, 0]);
}

#[test]
fn who_has_ended_and_is_not_waited_for_keeps_what_it_did_where_it_was() {
    let mut node = Node::new();
    let other = process(51, 1, 1, 0);
    node.collect([process(1, 0, 0, 10), other, process(50, 1, 1, 100)]);
    let zombie = ended(process(50, 1, 1, 130));
    assert_eq!(node.collect([process(1, 0, 0, 10), other, zombie]), [0, 30]);
    assert_eq!(node.collect([process(1, 0, 0, 10), other, zombie]), [0, 30]);
    assert_eq!(node.collect([process(1, 0, 0, 10 + 130), other]), [0, 30]);
}

#[test]
fn a_parent_in_another_entity_inherits_nothing_but_the_last_moments() {
    let mut node = Node::new();
    node.collect([process(1, 0, 0, 10), process(50, 1, 1, 1_000_000)]);
    assert_eq!(node.collect([process(1, 0, 0, 10 + 1_000_002)]), [2, 0]);
}

#[test]
fn a_parent_read_just_before_its_child_ends_inherits_one_collection_later() {
    let mut node = Node::new();
    node.collect([process(1, 0, 0, 10), process(50, 1, 0, 1000)]);
    assert_eq!(node.collect([process(1, 0, 0, 11)]), [1, 0]);
    assert_eq!(node.collect([process(1, 0, 0, 11 + 1000)]), [1, 0]);
}

/// The kernel may be writing the sum of the parent whenever that is looked at.
#[test]
fn an_inheritance_waits_for_a_parent_that_cannot_be_read_for_a_while() {
    let mut node = Node::new();
    let unread = ProcessIo {
        io: None,
        ..process(1, 0, 0, 0)
    };
    node.collect([process(1, 0, 0, 10), process(50, 1, 0, 1000)]);
    for _ in 0..4 {
        assert_eq!(node.collect([unread]), [0, 0]);
    }
    assert_eq!(node.collect([process(1, 0, 0, 10 + 1000 + 1)]), [1, 0]);
}

#[test]
fn of_a_child_that_nobody_waits_for_nothing_is_taken_off() {
    let mut node = Node::new();
    node.collect([process(1, 0, 0, 10), process(50, 1, 0, 1000)]);
    assert_eq!(node.collect([process(1, 0, 0, 19)]), [9, 0]);
    assert_eq!(node.collect([process(1, 0, 0, 29)]), [19, 0]);
    // By now nobody is going to inherit it.
    assert_eq!(node.collect([process(1, 0, 0, 29 + 5000)]), [5019, 0]);
}

#[test]
fn a_family_that_ends_together_is_inherited_by_its_first_living_ancestor() {
    let mut node = Node::new();
    let (parent, child) = (process(50, 1, 1, 100), process(60, 50, 1, 1000));
    node.collect([process(1, 0, 0, 10), parent, child]);
    assert_eq!(node.collect([process(1, 0, 0, 10 + 1000 + 100 + 1)]), [1, 0]);
}

#[test]
fn an_orphan_is_inherited_by_a_farther_ancestor() {
    let mut node = Node::new();
    let family = |of_init, of_shell| [process(1, 0, 0, of_init), process(40, 1, 1, of_shell)];
    let [init, shell] = family(0, 0);
    node.collect([init, shell, process(50, 40, 1, 100), process(60, 50, 1, 1000)]);
    // The shell waited for 50, but 60 had become a child of init.
    assert_eq!(node.collect(family(1000, 100)), [0, 0]);
}

#[test]
fn a_process_that_moves_counts_where_it_is_now() {
    let mut node = Node::new();
    let (init, other) = (process(1, 0, 0, 0), process(51, 1, 1, 0));
    node.collect([init, other, process(50, 1, 0, 100)]);
    assert_eq!(node.collect([init, other, process(50, 1, 1, 150)]), [0, 50]);
    let hidden = ProcessIo {
        place: Place::Elsewhere,
        ..process(50, 1, 1, 170)
    };
    assert_eq!(node.collect([init, other, hidden]), [0, 50]);
    assert_eq!(node.collect([init, other, process(50, 1, 1, 171)]), [0, 51]);
}

/// As the runtime on the host waits for a container that is not exported.
#[test]
fn what_is_done_where_nothing_is_exported_is_not_inherited_either() {
    let mut node = Node::new();
    let init = process(1, 0, 0, 10);
    let elsewhere = |io| ProcessIo {
        place: Place::Elsewhere,
        ..process(50, 1, 0, io)
    };
    assert_eq!(node.collect([init, elsewhere(1000)]), [0, 0]);
    assert_eq!(node.collect([init, elsewhere(5000)]), [0, 0]);
    assert_eq!(node.collect([process(1, 0, 0, 10 + 5000 + 3)]), [3, 0]);
}

#[test]
fn a_zombie_from_before_the_first_collection_is_not_inherited() {
    let mut node = Node::new();
    let (init, zombie) = (process(1, 0, 0, 10), ended(process(50, 1, 0, 9000)));
    node.collect([init, zombie]);
    node.collect([init, zombie]);
    assert_eq!(node.collect([process(1, 0, 0, 10 + 9000)]), [0, 0]);
}

#[test]
fn who_ended_before_it_was_seen_is_counted_by_its_parent_however_late_that_waits() {
    let mut node = Node::new();
    let (init, zombie) = (process(1, 0, 0, 10), ended(process(115, 1, 0, 40)));
    node.collect([init]);
    for _ in 0..4 {
        assert_eq!(node.collect([init, zombie]), [0, 0]);
    }
    assert_eq!(node.collect([process(1, 0, 0, 10 + 40)]), [40, 0]);
}

#[test]
fn a_process_that_cannot_be_read_for_a_while_loses_nothing() {
    let mut node = Node::new();
    node.collect([process(1, 0, 0, 0), process(50, 1, 1, 100)]);
    let unread = ProcessIo {
        io: None,
        ..process(50, 1, 1, 0)
    };
    assert_eq!(node.collect([process(1, 0, 0, 0), unread]), [0, 0]);
    assert_eq!(
        node.collect([process(1, 0, 0, 0), process(50, 1, 1, 130)]),
        [0, 30]
    );
}

#[test]
fn an_inode_used_again_begins_anew() {
    let mut node = Node::new();
    node.collect([process(1, 0, 0, 0), process(50, 1, 1, 0)]);
    assert_eq!(
        node.collect([process(1, 0, 0, 0), process(50, 1, 1, 300)]),
        [0, 300]
    );
    assert_eq!(
        node.collect([process(1, 0, 0, 300), process(115, 1, 1, 2)]),
        [0, 2]
    );
}

#[test]
fn a_namespace_that_keeps_one_process_goes_on() {
    let mut node = Node::new();
    node.collect([process(1, 0, 0, 0), process(50, 1, 1, 0), process(51, 1, 1, 0)]);
    node.collect([process(1, 0, 0, 0), process(50, 1, 1, 300), process(51, 1, 1, 0)]);
    assert_eq!(
        node.collect([process(1, 0, 0, 300), process(51, 1, 1, 1)]),
        [0, 301]
    );
}

#[test]
fn a_cookie_says_whether_it_is_the_same_namespace() {
    let mut node = Node::new();
    node.entities[1].cookie = Some(9);
    node.collect([process(1, 0, 0, 0), process(50, 1, 1, 0)]);
    assert_eq!(
        node.collect([process(1, 0, 0, 0), process(50, 1, 1, 300)]),
        [0, 300]
    );
    assert_eq!(node.collect([process(1, 0, 0, 300)]), [0, 300]);
    node.entities[1].cookie = Some(10);
    assert_eq!(node.collect([process(1, 0, 0, 300)]), [0, 0]);
}

#[test]
fn a_mount_keeps_the_account_of_a_namespace_without_processes() {
    let file = tempfile::NamedTempFile::new().expect("something mounted");
    let pinned = crate::kernel::netns::pinned(file.path()).expect("a file");
    let mut node = Node::new();
    node.entities[1] = entity(pinned.inode);
    let mount = crate::kernel::procfs::NetnsReader::Mount(file.path().into());
    node.entities[1].readers.push(mount);
    node.collect([process(1, 0, 0, 0), process(50, 1, 1, 0)]);
    node.collect([process(1, 0, 0, 0), process(50, 1, 1, 300)]);
    assert_eq!(node.collect([process(1, 0, 0, 300)]), [0, 300]);
}

#[test]
fn of_entities_that_are_gone_nothing_is_kept() {
    let mut node = Node::new();
    node.collect([process(1, 0, 0, 0), process(50, 1, 1, 100)]);
    node.entities.truncate(1);
    for _ in 0..3 {
        node.ledger
            .settle(&node.entities, &[process(1, 0, 0, 100)], node.now);
    }
    let Ledger {
        tracked, departed, ..
    } = &node.ledger;
    assert_eq!((tracked.len(), departed.len()), (1, 0));
}

/// A kernel with one namespace, in which every child is waited for by somebody.
#[derive(Debug, Default)]
struct Kernel {
    processes: BTreeMap<u32, Simulated>,
    /// Those that a collection has seen alive.
    seen: BTreeSet<u32>,
    done: u64,
    born: u32,
}

#[derive(Debug)]
struct Simulated {
    parent: u32,
    io: u64,
    is_zombie: bool,
}

#[derive(Debug, Clone)]
enum Step {
    Work(usize, u64),
    Fork(usize),
    Exit(usize),
    Wait(usize),
    Collect,
}

impl Kernel {
    fn fork(&mut self, parent: u32) {
        self.born += 1;
        let child = Simulated {
            parent,
            io: 0,
            is_zombie: false,
        };
        self.processes.insert(self.born, child);
    }

    fn living(&self, nth: usize) -> u32 {
        let living: Vec<u32> = self
            .processes
            .iter()
            .filter(|(_, it)| !it.is_zombie)
            .map(|(pid, _)| *pid)
            .collect();
        living[nth % living.len()]
    }

    fn work(&mut self, pid: u32, amount: u64) {
        self.done += amount;
        if let Some(process) = self.processes.get_mut(&pid) {
            process.io += amount;
        }
    }

    /// Its children become those of init.
    fn exit(&mut self, pid: u32) {
        for (child, process) in &mut self.processes {
            process.is_zombie |= *child == pid;
            if process.parent == pid {
                process.parent = INIT;
            }
        }
    }

    fn wait(&mut self, pid: u32) {
        let ended = |_: &u32, it: &mut Simulated| it.is_zombie && it.parent == pid;
        let inherited: u64 = self.processes.extract_if(.., ended).map(|(_, it)| it.io).sum();
        if let Some(process) = self.processes.get_mut(&pid) {
            process.io += inherited;
        }
    }

    /// What a source shows, and what has been done by those that ended before it showed them.
    fn show(&mut self) -> (Vec<ProcessIo>, u64) {
        let shown = |(pid, it): (&u32, &Simulated)| {
            let parent = if it.parent == 0 { 0 } else { 1000 + it.parent };
            let shown = process(1000 + pid, parent, 0, it.io);
            if it.is_zombie { ended(shown) } else { shown }
        };
        let living = self.processes.iter().filter(|(_, it)| !it.is_zombie);
        self.seen.extend(living.map(|(pid, _)| *pid));
        let unseen = self.processes.iter().filter(|(pid, _)| !self.seen.contains(pid));
        let unseen = unseen.map(|(_, it)| it.io).sum();
        (self.processes.iter().map(shown).collect(), unseen)
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (any::<usize>(), 1_u64..1000).prop_map(|(nth, amount)| Step::Work(nth, amount)),
        3 => any::<usize>().prop_map(Step::Fork),
        2 => any::<usize>().prop_map(Step::Exit),
        2 => any::<usize>().prop_map(Step::Wait),
        2 => Just(Step::Collect),
    ];
    proptest::collection::vec(step, 1..150)
}

proptest! {
    #[test]
    fn in_one_namespace_everything_is_counted_once(steps in steps()) {
        let mut kernel = Kernel::default();
        kernel.fork(0);
        let entities = [entity(70)];
        // Every process is younger than the ledger.
        let mut ledger = Ledger::new(0);
        ledger.settle(&entities, &kernel.show().0, 0);
        for step in steps {
            match step {
                Step::Work(nth, amount) => kernel.work(kernel.living(nth), amount),
                Step::Fork(nth) => kernel.fork(kernel.living(nth)),
                Step::Wait(nth) => kernel.wait(kernel.living(nth)),
                Step::Exit(nth) => {
                    let pid = kernel.living(nth);
                    if pid != INIT {
                        kernel.exit(pid);
                    }
                }
                Step::Collect => {
                    let (processes, unseen) = kernel.show();
                    let totals = ledger.settle(&entities, &processes, 1);
                    prop_assert_eq!(totals[0].read_calls, kernel.done - unseen);
                }
            }
        }
    }

    #[test]
    fn whatever_a_source_says_no_total_falls_while_the_namespace_is_there(
        collections in proptest::collection::vec(
            proptest::collection::btree_map(2_u32..9, (0_u32..9, 0_usize..2, 0_u64..1000, any::<bool>()), 0..7),
            1..12,
        ),
    ) {
        let mut node = Node::new();
        let mut last = [0, 0];
        for (round, processes) in (1_u64..).zip(collections) {
            // These two keep the namespaces.
            let mut shown = vec![process(1, 0, 0, 0), process(100, 1, 1, round)];
            shown.extend(processes.into_iter().map(|(pid, (parent, place, io, is_ended))| {
                let shown = process(pid, parent, place, io);
                if is_ended { ended(shown) } else { shown }
            }));
            let totals = node.ledger.settle(&node.entities, &shown, 100 + round);
            let now = [totals[0].read_calls, totals[1].read_calls];
            prop_assert!(now[0] >= last[0] && now[1] >= last[1], "{:?} after {:?}", now, last);
            last = now;
        }
    }
}
