//! Which devices of the host are counted, so that no byte counts twice.
//!
//! Counted are hardware devices. Bridges, bonds, VLANs, tunnels and the host ends of veth pairs
//! carry bytes that a hardware device counts already, or that never leave the node and are counted
//! by the pods. On a node that is itself a container no device is hardware: there the veth, macvlan
//! or ipvlan device that holds a default route counts.

use crate::kernel::links::{Link, links};
use crate::kernel::netns::Netns;
use crate::kernel::procfs::{ProcFs, route};

/// How the network namespace of the host is reached.
#[derive(Debug)]
pub struct HostNetns {
    pub procfs: ProcFs,
    pub inode: u64,
    pub task: Option<String>,
}

impl HostNetns {
    fn links(&self) -> std::io::Result<Vec<Link>> {
        let own = ProcFs::default();
        if self.procfs.is_own() && own.namespace_inode("thread-self/ns/net")? == self.inode {
            return links();
        }
        Netns::open(&self.procfs.path("1/ns/net"))?.enter(links)?
    }

    fn default_route_devices(&self) -> Vec<String> {
        let Some(task) = &self.task else { return Vec::new() };
        let mut devices = Vec::new();
        let mut add = |name: &[u8]| devices.push(String::from_utf8_lossy(name).into_owned());
        if let Ok(text) = self.procfs.read(&format!("{task}/net/route")) {
            route::default_devices_v4(&text, &mut add);
        }
        if let Ok(text) = self.procfs.read(&format!("{task}/net/ipv6_route")) {
            route::default_devices_v6(&text, &mut add);
        }
        devices
    }
}

/// Of the devices `names` those that are counted on the host.
pub fn uplinks(host: &HostNetns, names: &[String]) -> Vec<String> {
    match host.links() {
        Ok(links) => by_kind(&links, &host.default_route_devices()),
        Err(error) => {
            tracing::debug!(%error, "the devices of the host are told apart by their names");
            names
                .iter()
                .filter(|name| is_uplink_name(name))
                .cloned()
                .collect()
        }
    }
}

fn by_kind(links: &[Link], default_route: &[String]) -> Vec<String> {
    let is_hardware = |link: &Link| link.kind.is_none() && !is_function_port(link);
    let counts = |link: &&Link| match link.kind.as_deref() {
        // A virtual function below a synthetic device (Azure, failover): the upper one counts both.
        None => {
            let master = links.iter().find(|other| Some(other.index) == link.master);
            is_hardware(link) && !master.is_some_and(is_hardware)
        }
        Some("veth" | "macvlan" | "ipvlan" | "netkit") => default_route.contains(&link.name),
        Some(_) => false,
    };
    links
        .iter()
        .filter(counts)
        .map(|link| link.name.clone())
        .collect()
}

/// The host's end of a virtual function or sub-function, `pf0vf3` or `c1pf0sf2`: its bytes pass
/// the physical port too.
fn is_function_port(link: &Link) -> bool {
    let Some(name) = &link.port_name else { return false };
    let Some(at) = name.find("pf") else { return false };
    name[at..].contains("vf") || name[at..].contains("sf")
}

/// Names that virtual devices are given, for where the kernel cannot be asked what they are.
const VIRTUAL_PREFIXES: [&str; 22] = [
    "lo",
    "veth",
    "cali",
    "lxc",
    "cilium",
    "cni",
    "docker",
    "br-",
    "virbr",
    "bond",
    "team",
    "tun",
    "tap",
    "vxlan",
    "flannel",
    "wg",
    "gre",
    "sit",
    "dummy",
    "ifb",
    "kube-",
    "nodelocaldns",
];

fn is_uplink_name(name: &str) -> bool {
    let is_vlan = name.contains('.');
    !is_vlan && !VIRTUAL_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(index: u32, name: &str, kind: Option<&str>, master: Option<u32>) -> Link {
        Link {
            index,
            name: name.into(),
            kind: kind.map(str::to_owned),
            master,
            port_name: None,
        }
    }

    #[test]
    fn hardware_counts_and_what_stands_on_it_does_not() {
        let links = [
            link(1, "eth0", None, Some(3)),
            link(2, "eth1", None, Some(3)),
            link(3, "bond0", Some("bond"), None),
            link(4, "bond0.7", Some("vlan"), None),
            link(5, "cni0", Some("bridge"), None),
            link(6, "veth1", Some("veth"), Some(5)),
            link(7, "flannel.1", Some("vxlan"), None),
        ];
        assert_eq!(by_kind(&links, &["bond0".into()]), ["eth0", "eth1"]);
    }

    #[test]
    fn on_a_node_that_is_a_container_the_device_of_the_default_route_counts() {
        let links = [
            link(2, "eth0", Some("veth"), None),
            link(3, "veth1", Some("veth"), None),
        ];
        assert_eq!(by_kind(&links, &["eth0".into()]), ["eth0"]);
    }

    #[test]
    fn a_virtual_function_below_a_synthetic_device_counts_once() {
        let links = [link(2, "eth0", None, None), link(3, "enP1s1", None, Some(2))];
        assert_eq!(by_kind(&links, &[]), ["eth0"]);
    }

    #[test]
    fn the_ports_of_virtual_functions_do_not_count() {
        let port = |name: &str| Some(name.to_owned());
        let links = [
            Link {
                port_name: port("p0"),
                ..link(2, "eth0", None, None)
            },
            Link {
                port_name: port("pf0vf3"),
                ..link(3, "eth0_3", None, None)
            },
            Link {
                port_name: port("c1pf0sf2"),
                ..link(4, "en3f0", None, None)
            },
        ];
        assert_eq!(by_kind(&links, &[]), ["eth0"]);
    }

    #[test]
    fn without_netlink_the_name_decides() {
        for (name, counts) in [
            ("eth0", true),
            ("ens5", true),
            ("bond0", false),
            ("eth0.7", false),
            ("lo", false),
        ] {
            assert_eq!(is_uplink_name(name), counts, "{name}");
        }
    }
}
