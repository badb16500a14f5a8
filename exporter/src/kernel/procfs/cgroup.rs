//! `/proc/<pid>/cgroup`: which pod and which container a process belongs to.
//!
//! One line a hierarchy, `id:controllers:path` (`proc_cgroup_show` in `kernel/cgroup/cgroup.c`).
//! The path is relative to the reader's cgroup namespace, so a private one shows `/../../pod<uid>/..`.

use super::lines;

/// Length of a pod UID, and of the hash that stands for it with static pods.
const UID_LENGTH: usize = 36;
const STATIC_POD_HASH_LENGTH: usize = 32;
const CONTAINER_ID_LENGTH: usize = 64;

/// What the cgroup path of a process says about its place in Kubernetes or a container engine.
#[derive(Debug, Default, Clone, PartialEq, Eq, Hash)]
pub struct CgroupOwner {
    /// UID of the pod, in the spelling of the API server; of a static pod its configuration hash.
    pub pod_uid: Option<String>,
    /// The 64 hexadecimal digits of the container.
    pub container_id: Option<String>,
}

impl CgroupOwner {
    /// Neither pod nor container.
    pub fn is_none(&self) -> bool {
        self.pod_uid.is_none() && self.container_id.is_none()
    }
}

/// Reads the owner from the text of a `cgroup` file.
///
/// `own_pod` is the UID of the pod of this process where it is known: in a private cgroup
/// namespace the paths of the other containers of that pod, `/../<container>`, do not name it.
pub fn owner(text: &[u8], own_pod: Option<&str>) -> CgroupOwner {
    let mut found = CgroupOwner::default();
    for path in lines(text).filter_map(path_of) {
        let owner = owner_of_path(path);
        if owner.pod_uid.is_some() {
            return owner;
        }
        if found.is_none() && !owner.is_none() {
            let pod_uid = own_pod.filter(|_| is_sibling(path)).map(str::to_owned);
            found = CgroupOwner { pod_uid, ..owner };
        }
    }
    found
}

fn path_of(line: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(line).ok()?;
    text.splitn(3, ':').nth(2)
}

fn is_sibling(path: &str) -> bool {
    path.strip_prefix("/../")
        .is_some_and(|sibling| !sibling.contains('/'))
}

/// Reads the owner from one absolute path.
pub fn owner_of_path(path: &str) -> CgroupOwner {
    let mut owner = CgroupOwner::default();
    for segment in path.split('/') {
        // A pod within a pod (nested clusters) is the outer one to this node.
        if owner.pod_uid.is_none() {
            owner.pod_uid = pod_uid_of(segment);
        }
        owner.container_id = container_id_of(segment).or(owner.container_id);
    }
    owner
}

/// `pod<uid>`, `kubepods-burstable-pod<uid_with_underscores>.slice`, and the first part of
/// `kubepods-pod<uid>.slice:cri-containerd:<id>`.
fn pod_uid_of(segment: &str) -> Option<String> {
    let segment = segment.split(':').next()?;
    let segment = segment.strip_suffix(".slice").unwrap_or(segment);
    let start = segment.rfind("pod")?;
    if !(segment[..start].is_empty() || segment[..start].ends_with('-')) {
        return None;
    }
    let uid = &segment[start + "pod".len()..];
    is_pod_uid(uid).then(|| uid.replace('_', "-"))
}

fn is_pod_uid(uid: &str) -> bool {
    let is_dash = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    match uid.len() {
        UID_LENGTH => uid.bytes().enumerate().all(|(at, byte)| {
            if is_dash(at) {
                matches!(byte, b'-' | b'_')
            } else {
                byte.is_ascii_hexdigit()
            }
        }),
        STATIC_POD_HASH_LENGTH => uid.bytes().all(|byte| byte.is_ascii_hexdigit()),
        _ => false,
    }
}

/// `<id>`, `cri-containerd-<id>.scope`, `docker-<id>.scope`, `crio-<id>`, `…:cri-containerd:<id>`.
fn container_id_of(segment: &str) -> Option<String> {
    let segment = segment.strip_suffix(".scope").unwrap_or(segment);
    let id = segment.rsplit(['-', ':']).next()?;
    let is_id = id.len() == CONTAINER_ID_LENGTH && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UID: &str = "3f2504e0-4f89-11d3-9a0c-0305e82c3301";
    const UID_: &str = "3f2504e0_4f89_11d3_9a0c_0305e82c3301";
    const HASH: &str = "9e107d9d372bb6826bd81d3542a419d6";

    fn id() -> String {
        "0123456789abcdef".repeat(4)
    }

    fn expect(line: &str, uid: Option<&str>, container: Option<&str>) {
        let expected = CgroupOwner {
            pod_uid: uid.map(str::to_owned),
            container_id: container.map(str::to_owned),
        };
        assert_eq!(owner(line.as_bytes(), None), expected, "{line}");
    }

    #[test]
    fn every_runtime_and_driver_names_pod_and_container() {
        let id = id();
        let id = id.as_str();
        for line in [
            format!("0::/kubepods/burstable/pod{UID}/{id}"),
            format!("4:memory:/kubepods/pod{UID}/{id}"),
            format!(
                "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{UID_}.slice/cri-containerd-{id}.scope"
            ),
            format!("0::/kubepods.slice/kubepods-pod{UID_}.slice/crio-{id}.scope"),
            format!(
                "0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{UID_}.slice/crio-{id}.scope/container"
            ),
            format!("0::/kubepods/besteffort/pod{UID}/docker-{id}.scope"),
            format!(
                "1:name=systemd:/system.slice/containerd.service/kubepods-burstable-pod{UID_}.slice:cri-containerd:{id}"
            ),
            format!(
                "0::/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod{UID_}.slice/cri-containerd-{id}.scope"
            ),
            format!("0::/../../pod{UID}/{id}"),
            format!("0::/../../../kubepods-burstable-pod{UID_}.slice/cri-containerd-{id}.scope"),
        ] {
            expect(&line, Some(UID), Some(id));
        }
    }

    #[test]
    fn a_static_pod_is_known_by_its_hash() {
        expect(
            &format!("0::/kubepods/burstable/pod{HASH}/{}", id()),
            Some(HASH),
            Some(&id()),
        );
    }

    #[test]
    fn a_container_without_a_pod_has_an_id_only() {
        for line in [
            format!("0::/docker/{}", id()),
            format!("0::/system.slice/docker-{}.scope", id()),
            format!("0::/machine.slice/libpod-{}.scope", id()),
        ] {
            expect(&line, None, Some(&id()));
        }
    }

    #[test]
    fn other_paths_have_no_owner() {
        for path in [
            "/",
            "/init.scope",
            "/user.slice/user-1000.slice",
            "/podman",
            "/kubepods",
            "/kubepods.slice/kubepods-burstable.slice",
            "/pod1234",
            "/tripod3f2504e0",
            "/..",
        ] {
            expect(&format!("0::{path}"), None, None);
        }
        expect("", None, None);
        expect("no colons", None, None);
    }

    #[test]
    fn in_a_hybrid_the_hierarchy_that_names_the_pod_wins() {
        let text = format!(
            "12:pids:/\n3:cpu:/docker/{}\n1:name=systemd:/kubepods/pod{UID}/{}\n0::/\n",
            "f".repeat(64),
            id()
        );
        expect(&text, Some(UID), Some(&id()));
    }

    #[test]
    fn the_outer_pod_of_a_nested_cluster_is_the_one_of_this_node() {
        let inner = "11111111-2222-3333-4444-555555555555";
        let text = format!("0::/kubepods/pod{UID}/{}/kubepods/pod{inner}/{}", id(), id());
        expect(&text, Some(UID), Some(&id()));
    }

    #[test]
    fn the_other_containers_of_the_own_pod_take_its_uid_from_outside() {
        let own = |path: &str| owner(format!("3:pids:/\n0::{path}").as_bytes(), Some(UID)).pod_uid;
        assert_eq!(own(&format!("/../{}", id())).as_deref(), Some(UID));
        assert_eq!(
            own(&format!("/../cri-containerd-{}.scope", id())).as_deref(),
            Some(UID)
        );
        assert_eq!(
            own(&format!(
                "/../../pod11111111-2222-3333-4444-555555555555/{}",
                id()
            ))
            .as_deref(),
            Some("11111111-2222-3333-4444-555555555555")
        );
        for of_nobody in ["/", "/..", "/../../podman", "/../../../system.slice"] {
            assert_eq!(own(of_nobody), None, "{of_nobody}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in proptest::collection::vec(any::<u8>(), 0..300), path in "[-/.:a-z0-9]{0,120}") {
            let _ = owner(&text, None);
            let _ = owner(format!("0::{path}pod{path}").as_bytes(), Some(UID));
        }
    }
}
