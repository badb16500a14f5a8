//! Whose a network namespace is: the rules that turn processes into [`Entities`].

use std::cmp::Reverse;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::mounts::NetnsMount;
use super::process::{NetnsId, Process};
use super::{Entities, Entity, EntityKind, EntityProcess, Naming, OtherProcess, Pod, PodCounts, Pods};
use crate::kernel::procfs::NetnsReader;
use crate::kernel::procfs::cgroup::CgroupOwner;

/// More doors than one, since the process behind one can go at any moment.
const MAX_READERS: usize = 4;
/// As container engines print an id.
const SHORT_CONTAINER_ID: usize = 12;

/// Which namespace is that of each pod or container. Kept from scan to scan: a browser sandbox
/// must not become the pod when the container that started first is restarted.
#[derive(Debug, Default)]
pub struct Homes {
    by_owner: FxHashMap<String, NetnsId>,
}

/// The processes of one namespace, summed up.
#[derive(Debug, Default)]
struct Inhabitants {
    processes: usize,
    /// Oldest first: the start of each and the task that stands for it.
    oldest: Vec<(u64, String)>,
    /// Start of the first process of each owner.
    owners: FxHashMap<String, (u64, Arc<CgroupOwner>)>,
}

impl Inhabitants {
    fn add(&mut self, process: &Process) {
        self.processes += usize::from(process.is_leader);
        let at = self
            .oldest
            .partition_point(|(started, _)| *started <= process.started);
        if at < MAX_READERS {
            self.oldest.truncate(MAX_READERS - 1);
            self.oldest.insert(at, (process.started, process.task()));
        }
        if let Some(owner) = &process.owner
            && let Some(key) = owner_key(owner)
        {
            let first = (process.started, Arc::clone(owner));
            match self.owners.get_mut(key) {
                Some(known) if known.0 <= process.started => {}
                Some(known) => *known = first,
                None => {
                    self.owners.insert(key.to_owned(), first);
                }
            }
        }
    }
}

fn owner_key(owner: &CgroupOwner) -> Option<&str> {
    owner.pod_uid.as_deref().or(owner.container_id.as_deref())
}

/// Joins processes and named namespaces into the entities of this node.
pub fn entities<'a>(
    processes: impl Iterator<Item = &'a Process> + Clone,
    mounts: &FxHashMap<u64, NetnsMount>,
    host: u64,
    naming: &Naming,
    homes: &mut Homes,
) -> Entities {
    let mut namespaces: FxHashMap<NetnsId, Inhabitants> = FxHashMap::default();
    for process in processes.clone() {
        if let Some(netns) = process.netns {
            namespaces.entry(netns).or_default().add(process);
        }
    }
    let inhabited: FxHashSet<u64> = namespaces.keys().map(|netns| netns.inode).collect();
    for inode in mounts.keys().filter(|inode| !inhabited.contains(inode)) {
        namespaces.insert(NetnsId::of_inode(*inode), Inhabitants::default());
    }
    homes.settle(&namespaces);
    let mut entities = Entities {
        exported: host_network_pods(processes.clone(), host, naming),
        ..Entities::default()
    };
    for (netns, inhabitants) in &namespaces {
        let owner = homes.owner_of(*netns, inhabitants);
        let mount = mounts.get(&netns.inode);
        let entity = entity(*netns, inhabitants, owner, mount, host, naming);
        if is_exported(&entity, naming) {
            entities.exported.push(entity);
        } else {
            entities.hidden.push(entity);
        }
    }
    entities.exported.sort_by(|a, b| order(a).cmp(&order(b)));
    tell_apart(&mut entities, processes, host, naming);
    if let Naming::Kubernetes(pods) = naming {
        entities.unknown_pods = unknown_pods(&namespaces, pods);
        entities.pods = Some(count_pods(&entities, pods));
    }
    entities
}

/// Whom a process of the host's namespace belongs to.
enum Lodger<'a> {
    /// The host itself; so does what a pod with a namespace of its own has sent into the host's.
    Nobody,
    /// A pod without a namespace of its own, and what its cgroups are named after.
    Pod(&'a Arc<Pod>, &'a str),
    /// A pod that nobody has named yet.
    Unknown,
}

fn lodger<'a>(process: &'a Process, naming: &'a Naming) -> Lodger<'a> {
    let owner = process.owner.as_deref();
    let (Naming::Kubernetes(pods), Some(uid)) = (naming, owner.and_then(|it| it.pod_uid.as_deref())) else {
        return Lodger::Nobody;
    };
    match pods.of_cgroup(uid) {
        None => Lodger::Unknown,
        Some(pod) if pod.is_host_network => Lodger::Pod(pod, uid),
        Some(_) => Lodger::Nobody,
    }
}

/// The pods that live in the namespace of the host.
fn host_network_pods<'a>(
    processes: impl Iterator<Item = &'a Process>,
    host: u64,
    naming: &Naming,
) -> Vec<Entity> {
    let mut found: FxHashMap<&str, Entity> = FxHashMap::default();
    let of_host = |process: &&Process| process.is_leader && process.netns.is_some_and(|it| it.inode == host);
    for process in processes.filter(of_host) {
        let Lodger::Pod(pod, uid) = lodger(process, naming) else {
            continue;
        };
        let entity = found.entry(uid).or_insert_with(|| Entity {
            inode: 0,
            cookie: None,
            kind: EntityKind::HostNetworkPod,
            netns: String::new(),
            pod: Some(Arc::clone(pod)),
            pod_uid: Some(uid.to_owned()),
            container_id: None,
            processes: 0,
            readers: Vec::new(),
        });
        entity.processes += 1;
    }
    found.into_values().collect()
}

fn unknown_pods(namespaces: &FxHashMap<NetnsId, Inhabitants>, pods: &Pods) -> Vec<String> {
    let owners = namespaces.values().flat_map(|it| it.owners.values());
    let uids = owners.filter_map(|(_, owner)| owner.pod_uid.as_ref());
    let mut unknown: Vec<String> = uids
        .filter(|uid| pods.of_cgroup(uid).is_none())
        .cloned()
        .collect();
    unknown.sort_unstable();
    unknown.dedup();
    unknown
}

fn count_pods(entities: &Entities, pods: &Pods) -> PodCounts {
    let named = entities.exported.iter().filter_map(|it| it.pod.as_ref());
    let exported: FxHashSet<&str> = named.map(|pod| pod.uid.as_str()).collect();
    PodCounts {
        exported: exported.len(),
        waiting: entities.unknown_pods.len(),
        without_process: pods.len().saturating_sub(exported.len()),
    }
}

/// Of each process says which entity it belongs to.
fn tell_apart<'a>(
    entities: &mut Entities,
    processes: impl Iterator<Item = &'a Process>,
    host: u64,
    naming: &Naming,
) {
    let mut by_netns: FxHashMap<NetnsId, usize> = FxHashMap::default();
    let mut by_pod: FxHashMap<&str, usize> = FxHashMap::default();
    for (index, entity) in entities.exported.iter().enumerate() {
        match &entity.pod_uid {
            Some(uid) if !entity.has_netns() => by_pod.insert(uid, index),
            _ => by_netns.insert(entity.netns_id(), index),
        };
    }
    for process in processes.filter(|process| process.is_leader) {
        let (pid, started) = (process.pid, process.started);
        let is_of_host = process.netns.is_some_and(|netns| netns.inode == host);
        let lodger = if is_of_host {
            lodger(process, naming)
        } else {
            Lodger::Nobody
        };
        let entity = match lodger {
            Lodger::Nobody => process.netns.and_then(|netns| by_netns.get(&netns)),
            Lodger::Pod(_, uid) => by_pod.get(uid),
            Lodger::Unknown => None,
        };
        match entity {
            Some(entity) => entities.processes.push(EntityProcess {
                pid,
                started,
                entity: *entity,
            }),
            None => entities.others.push(OtherProcess {
                pid,
                started,
                is_nowhere: process.netns.is_none(),
            }),
        }
    }
}

fn order(entity: &Entity) -> (EntityKind, Option<(&str, &str)>, &str, u64) {
    let pod = entity
        .pod
        .as_deref()
        .map(|pod| (pod.namespace.as_str(), pod.name.as_str()));
    (entity.kind, pod, &entity.netns, entity.inode)
}

fn is_exported(entity: &Entity, naming: &Naming) -> bool {
    match naming {
        Naming::Plain => true,
        Naming::Kubernetes(_) => matches!(entity.kind, EntityKind::Host | EntityKind::Pod),
    }
}

fn entity(
    id: NetnsId,
    inhabitants: &Inhabitants,
    owner: Option<&CgroupOwner>,
    mount: Option<&NetnsMount>,
    host: u64,
    naming: &Naming,
) -> Entity {
    let inode = id.inode;
    let is_host = inode == host;
    let owner = if is_host { None } else { owner };
    let pod_uid = owner.and_then(|owner| owner.pod_uid.clone());
    let container_id = owner.and_then(|owner| owner.container_id.clone());
    let pod = match (naming, &pod_uid) {
        (Naming::Kubernetes(pods), Some(uid)) => pods.of_cgroup(uid).cloned(),
        _ => None,
    };
    let kind = match (naming, &pod_uid) {
        _ if is_host => EntityKind::Host,
        (_, None) => EntityKind::Other,
        // Such a pod is at home in the namespace of the host, and has made itself another one.
        _ if pod.as_ref().is_some_and(|pod| pod.is_host_network) => EntityKind::Other,
        (Naming::Kubernetes(_), Some(_)) if pod.is_none() => EntityKind::Unknown,
        (_, Some(_)) => EntityKind::Pod,
    };
    let netns = if is_host {
        String::new()
    } else {
        netns_label(inode, mount, container_id.as_deref())
    };
    let mut readers: Vec<NetnsReader> = inhabitants
        .oldest
        .iter()
        .map(|(_, task)| NetnsReader::Task(task.clone()))
        .collect();
    readers.extend(mount.map(|mount| NetnsReader::Mount(mount.path.clone())));
    Entity {
        inode,
        cookie: id.cookie,
        kind,
        netns,
        pod,
        pod_uid,
        container_id,
        processes: inhabitants.processes,
        readers,
    }
}

fn netns_label(inode: u64, mount: Option<&NetnsMount>, container_id: Option<&str>) -> String {
    match (mount, container_id.and_then(|id| id.get(..SHORT_CONTAINER_ID))) {
        (Some(mount), _) => mount.name.clone(),
        (None, Some(id)) => id.to_owned(),
        (None, None) => format!("ns{inode}"),
    }
}

impl Homes {
    /// Every owner keeps its home while it has a process there; else the namespace its first
    /// process is in becomes its home.
    fn settle(&mut self, namespaces: &FxHashMap<NetnsId, Inhabitants>) {
        let mut first: FxHashMap<&str, (u64, NetnsId)> = FxHashMap::default();
        let mut settled: FxHashSet<&str> = FxHashSet::default();
        for (netns, inhabitants) in namespaces {
            for (owner, (started, _)) in &inhabitants.owners {
                if self.by_owner.get(owner) == Some(netns) {
                    settled.insert(owner);
                }
                let candidate = (*started, *netns);
                first
                    .entry(owner)
                    .and_modify(|it| *it = candidate.min(*it))
                    .or_insert(candidate);
            }
        }
        self.by_owner.retain(|owner, _| settled.contains(owner.as_str()));
        for (owner, (_, netns)) in first {
            if !settled.contains(owner) {
                self.by_owner.insert(owner.to_owned(), netns);
            }
        }
    }

    /// Of the owners that are at home in a namespace, the one that came first: a pod whose
    /// process has entered the namespace of another is a guest there.
    fn owner_of<'a>(&self, netns: NetnsId, inhabitants: &'a Inhabitants) -> Option<&'a CgroupOwner> {
        let at_home = inhabitants
            .owners
            .iter()
            .filter(|(owner, _)| self.by_owner.get(*owner) == Some(&netns));
        let first = at_home.max_by_key(|(owner, (started, _))| Reverse((*started, owner.as_str())));
        first.map(|(_, (_, owner))| owner.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: u64 = 1;

    #[derive(Default)]
    struct Node {
        processes: Vec<Process>,
        mounts: FxHashMap<u64, NetnsMount>,
        homes: Homes,
    }

    impl Node {
        fn process(&mut self, netns: u64, started: u64, pod: Option<&str>, container: Option<&str>) {
            let owner = CgroupOwner {
                pod_uid: pod.map(str::to_owned),
                container_id: container.map(|id| id.repeat(64)),
            };
            let pid = 100 + u32::try_from(self.processes.len()).expect("a few");
            self.processes.push(Process {
                pid,
                is_leader: true,
                started,
                netns: Some(NetnsId::of_inode(netns)),
                thread: None,
                owner: Some(Arc::new(owner)),
            });
        }

        fn see(&mut self, naming: &Naming) -> Entities {
            entities(self.processes.iter(), &self.mounts, HOST, naming, &mut self.homes)
        }
    }

    fn labels(entities: &[Entity]) -> Vec<(EntityKind, &str)> {
        entities
            .iter()
            .map(|entity| (entity.kind, entity.netns.as_str()))
            .collect()
    }

    fn pod(uid: &str) -> Pod {
        Pod {
            uid: uid.into(),
            namespace: "web".into(),
            name: "front".into(),
            ..Pod::default()
        }
    }

    fn known(pod: Pod) -> Naming {
        Naming::Kubernetes(Arc::new([pod].into_iter().collect::<Pods>()))
    }

    fn named(uid: &str) -> Naming {
        known(pod(uid))
    }

    fn on_host_network(uid: &str) -> Naming {
        known(Pod {
            is_host_network: true,
            ..pod(uid)
        })
    }

    fn entity_of(entities: &Entities, pid: u32) -> Option<EntityKind> {
        let process = entities.processes.iter().find(|it| it.pid == pid)?;
        Some(entities.exported[process.entity].kind)
    }

    #[test]
    fn a_plain_host_names_a_namespace_by_mount_then_container_then_inode() {
        let mut node = Node::default();
        node.process(HOST, 1, None, None);
        node.process(2, 5, None, Some("a"));
        node.process(3, 5, None, None);
        node.process(4, 5, None, Some("b"));
        node.mounts.insert(
            4,
            NetnsMount {
                name: "blue".into(),
                path: "/run/netns/blue".into(),
            },
        );
        let seen = node.see(&Naming::Plain);
        let expected = [
            (EntityKind::Host, ""),
            (EntityKind::Other, "aaaaaaaaaaaa"),
            (EntityKind::Other, "blue"),
            (EntityKind::Other, "ns3"),
        ];
        assert_eq!(labels(&seen.exported), expected);
    }

    #[test]
    fn a_namespace_without_a_process_is_read_through_its_mount() {
        let mut node = Node::default();
        node.process(HOST, 1, None, None);
        let path = std::path::PathBuf::from("/run/netns/empty");
        node.mounts.insert(
            9,
            NetnsMount {
                name: "empty".into(),
                path: path.clone(),
            },
        );
        let seen = node.see(&Naming::Plain);
        assert_eq!(seen.exported[1].readers, [NetnsReader::Mount(path)]);
        assert_eq!(seen.exported[1].processes, 0);
    }

    #[test]
    fn of_two_namespaces_of_a_pod_the_one_it_started_in_is_the_pod() {
        let mut node = Node::default();
        node.process(7, 20, Some("uid"), None);
        node.process(6, 30, Some("uid"), None);
        let seen = node.see(&named("uid"));
        assert_eq!(seen.exported.iter().map(|it| it.inode).collect::<Vec<_>>(), [7]);
        assert_eq!(
            seen.hidden
                .iter()
                .map(|it| (it.inode, it.kind))
                .collect::<Vec<_>>(),
            [(6, EntityKind::Other)]
        );
    }

    #[test]
    fn a_restarted_container_does_not_make_the_sandbox_of_a_pod_its_home() {
        let mut node = Node::default();
        node.process(7, 20, Some("uid"), None);
        node.process(6, 30, Some("uid"), None);
        node.see(&Naming::Plain);
        node.processes.remove(0);
        node.process(7, 40, Some("uid"), None);
        let seen = node.see(&Naming::Plain);
        let pod = seen.all().find(|it| it.kind == EntityKind::Pod).expect("the pod");
        assert_eq!(pod.inode, 7);
    }

    #[test]
    fn a_guest_in_the_namespace_of_another_pod_does_not_own_it() {
        let mut node = Node::default();
        node.process(HOST, 5, Some("cni"), None);
        node.process(7, 20, Some("uid"), None);
        node.process(7, 6, Some("cni"), None);
        let seen = node.see(&named("uid"));
        assert_eq!(seen.exported[1].pod_uid.as_deref(), Some("uid"));
    }

    #[test]
    fn a_pod_on_the_host_network_has_its_processes_and_leaves_the_host_the_host() {
        let mut node = Node::default();
        node.process(HOST, 1, None, None);
        node.process(HOST, 5, Some("uid"), None);
        node.process(HOST, 6, Some("uid"), None);
        let seen = node.see(&on_host_network("uid"));
        let expected = [(EntityKind::Host, ""), (EntityKind::HostNetworkPod, "")];
        assert_eq!(labels(&seen.exported), expected);
        assert_eq!(seen.exported[0].pod_uid, None);
        assert_eq!((seen.exported[1].inode, seen.exported[1].processes), (0, 2));
        let of = [100, 101, 102].map(|pid| entity_of(&seen, pid));
        let lodger = Some(EntityKind::HostNetworkPod);
        assert_eq!(of, [Some(EntityKind::Host), lodger, lodger]);
        assert_eq!(EntityKind::OF_NETNS.map(|kind| seen.count(kind)), [1, 0, 0, 0]);
    }

    #[test]
    fn on_a_plain_host_what_lives_in_its_namespace_is_the_hosts() {
        let mut node = Node::default();
        node.process(HOST, 1, None, None);
        node.process(HOST, 5, Some("uid"), None);
        let seen = node.see(&Naming::Plain);
        assert_eq!(entity_of(&seen, 101), Some(EntityKind::Host));
        assert_eq!((seen.pods, seen.unknown_pods.len()), (None, 0));
    }

    #[test]
    fn a_process_of_an_unnamed_pod_in_the_namespace_of_the_host_waits() {
        let mut node = Node::default();
        node.process(HOST, 1, None, None);
        node.process(HOST, 5, Some("new"), None);
        let seen = node.see(&named("uid"));
        assert_eq!(entity_of(&seen, 101), None);
        assert_eq!(seen.unknown_pods, ["new"]);
        let counts = PodCounts {
            exported: 0,
            waiting: 1,
            without_process: 1,
        };
        assert_eq!(seen.pods, Some(counts));
    }

    #[test]
    fn what_a_pod_with_a_namespace_sends_into_that_of_the_host_is_the_hosts() {
        let mut node = Node::default();
        node.process(HOST, 1, None, None);
        node.process(7, 5, Some("uid"), None);
        node.process(HOST, 6, Some("uid"), None);
        let seen = node.see(&named("uid"));
        let of = [101, 102].map(|pid| entity_of(&seen, pid));
        assert_eq!(of, [Some(EntityKind::Pod), Some(EntityKind::Host)]);
    }

    #[test]
    fn a_namespace_that_a_pod_on_the_host_network_makes_is_not_the_pods() {
        let mut node = Node::default();
        node.process(HOST, 1, None, None);
        node.process(7, 5, Some("uid"), None);
        let seen = node.see(&on_host_network("uid"));
        assert_eq!(labels(&seen.exported), [(EntityKind::Host, "")]);
        assert_eq!(seen.count(EntityKind::Other), 1);
    }

    #[test]
    fn a_static_pod_is_known_by_the_hash_in_its_cgroup() {
        let mut node = Node::default();
        node.process(HOST, 1, None, None);
        node.process(7, 5, Some("hash"), None);
        let seen = node.see(&known(Pod {
            config_hash: Some("hash".into()),
            ..pod("mirror")
        }));
        assert_eq!(
            seen.exported[1].pod.as_ref().map(|pod| pod.name.as_str()),
            Some("front")
        );
        assert_eq!(
            seen.pods.map(|it| (it.exported, it.waiting, it.without_process)),
            Some((1, 0, 0))
        );
    }

    #[test]
    fn a_pod_nobody_has_named_is_counted_and_not_exported() {
        let mut node = Node::default();
        node.process(HOST, 1, None, None);
        node.process(7, 5, Some("new"), None);
        node.process(8, 5, None, None);
        let seen = node.see(&named("uid"));
        assert_eq!(labels(&seen.exported), [(EntityKind::Host, "")]);
        let counts = EntityKind::OF_NETNS.map(|kind| seen.count(kind));
        assert_eq!(counts, [1, 0, 1, 1]);
        assert_eq!((seen.processes.len(), seen.others.len()), (1, 2));
    }

    #[test]
    fn the_oldest_processes_are_the_doors() {
        let mut node = Node::default();
        for started in [9, 3, 7, 1, 8, 2] {
            node.process(HOST, started, None, None);
        }
        let seen = node.see(&Naming::Plain);
        let doors = ["103", "105", "101", "102"].map(|task| NetnsReader::Task(task.into()));
        assert_eq!(seen.exported[0].readers, doors);
        assert_eq!(seen.exported[0].processes, 6);
    }
}
