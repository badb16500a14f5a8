//! The network devices of a namespace and what they are, by rtnetlink (`RTM_GETLINK`).

use std::io;

use super::netlink::{Dump, attributes};

const RTM_GETLINK: u16 = 18;
const IFINFOMSG_LENGTH: usize = 16;
/// `IFLA_EXT_MASK` with `RTEXT_FILTER_SKIP_STATS`: the counters come from `/proc/<pid>/net/dev`.
const IFLA_EXT_MASK: u16 = 29;
const RTEXT_FILTER_SKIP_STATS: u32 = 1 << 3;

const IFLA_IFNAME: u16 = 3;
const IFLA_MASTER: u16 = 10;
const IFLA_LINKINFO: u16 = 18;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_PHYS_PORT_NAME: u16 = 38;

/// A network device.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its index in the namespace.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// `veth`, `bridge`, `bond`, …; none for a device with a driver of its own.
    pub kind: Option<String>,
    /// Index of the bridge, bond or other device it belongs to.
    pub master: Option<u32>,
    /// Name of the port on its network card: `pf0vf3` for the host's end of a virtual function.
    pub port_name: Option<String>,
}

/// Every device of the network namespace the calling thread is in.
pub fn links() -> io::Result<Vec<Link>> {
    let mut request = vec![0; IFINFOMSG_LENGTH];
    request.extend_from_slice(&8_u16.to_ne_bytes());
    request.extend_from_slice(&IFLA_EXT_MASK.to_ne_bytes());
    request.extend_from_slice(&RTEXT_FILTER_SKIP_STATS.to_ne_bytes());
    let mut links = Vec::new();
    Dump::new(netlink_sys::protocols::NETLINK_ROUTE, RTM_GETLINK, &request).run(|message| {
        links.extend(link_of(message));
    })?;
    Ok(links)
}

fn link_of(message: &[u8]) -> Option<Link> {
    // struct ifinfomsg: the index stands at byte 4.
    let mut link = Link {
        index: number(message.get(4..8)?),
        ..Link::default()
    };
    for (kind, value) in attributes(message.get(IFINFOMSG_LENGTH..)?) {
        match kind {
            IFLA_IFNAME => link.name = text(value),
            IFLA_MASTER => link.master = Some(number(value)),
            IFLA_PHYS_PORT_NAME => link.port_name = Some(text(value)),
            IFLA_LINKINFO => {
                let info_kind = attributes(value).find(|(kind, _)| *kind == IFLA_INFO_KIND);
                link.kind = info_kind.map(|(_, value)| text(value));
            }
            _ => {}
        }
    }
    (!link.name.is_empty()).then_some(link)
}

fn number(value: &[u8]) -> u32 {
    value.first_chunk().map_or(0, |bytes| u32::from_ne_bytes(*bytes))
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value.strip_suffix(b"\0").unwrap_or(value)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_device_is_always_there() {
        let links = links().expect("rtnetlink answers without any capability");
        let lo = links.iter().find(|link| link.name == "lo").expect("lo");
        assert_eq!((lo.index, lo.kind.as_deref(), lo.master), (1, None, None));
    }

    #[test]
    fn a_message_cut_short_is_no_link() {
        assert_eq!(link_of(&[0; 3]), None);
        assert_eq!(link_of(&[0; 16]), None);
    }
}
