//! TCP sockets in use (`sockstat_seq_show` in `net/ipv4/proc.c`). Orphans, allocations and memory
//! are counted for the whole machine, so only the node has them.

use super::{FileProbe, NetnsView, Probe, ProbeError, ProbeSpec};
use crate::kernel::procfs::NetFile;
use crate::kernel::procfs::pairs::Pairs;
use crate::metrics::{Metric, Source};

pub static PROBE: ProbeSpec = ProbeSpec {
    name: "sock",
    older_names: &[],
    default: true,
    about: "TCP sockets in use and the memory they hold",
    args: &[],
    metrics: METRICS,
    build: |_| Ok(Probe::files(Sock::default())),
};

const fn of(column: &'static str) -> Source {
    Source::Column {
        file: NetFile::Sockstat,
        section: "TCP",
        column,
        ipv6: None,
    }
}

const METRICS: &[Metric] = &[
    Metric::gauge(
        "kubeskoop_sock_inuse",
        "sockets",
        "TCP sockets in use, IPv4 and IPv6",
        Source::Column {
            file: NetFile::Sockstat,
            section: "TCP",
            column: "inuse",
            ipv6: Some((NetFile::Sockstat6, "TCP6: inuse")),
        },
    ),
    Metric::gauge("kubeskoop_sock_tw", "sockets", "TIME_WAIT sockets", of("tw")),
    Metric::gauge(
        "kubeskoop_sock_orphan",
        "sockets",
        "TCP sockets with no file descriptor, of the whole machine",
        of("orphan"),
    )
    .of_node(),
    Metric::gauge(
        "kubeskoop_sock_alloc",
        "sockets",
        "TCP sockets allocated, of the whole machine",
        of("alloc"),
    )
    .of_node(),
    Metric::gauge(
        "kubeskoop_sock_mem",
        "pages",
        "TCP buffer memory in pages, of the whole machine",
        of("mem"),
    )
    .of_node(),
];

#[derive(Debug)]
struct Sock {
    of_netns: Pairs,
    of_node: Pairs,
    ipv6: Pairs,
}

impl Default for Sock {
    fn default() -> Self {
        Self {
            of_netns: Pairs::new([("inuse", 0), ("tw", 1)]),
            of_node: Pairs::new([("inuse", 0), ("tw", 1), ("orphan", 2), ("alloc", 3), ("mem", 4)]),
            ipv6: Pairs::new([("inuse", 0)]),
        }
    }
}

impl FileProbe for Sock {
    fn files(&self) -> &'static [NetFile] {
        &[NetFile::Sockstat, NetFile::Sockstat6]
    }

    fn read(&mut self, netns: &NetnsView<'_>, row: &mut [Option<u64>]) -> Result<(), ProbeError> {
        let pairs = if netns.is_host {
            &self.of_node
        } else {
            &self.of_netns
        };
        pairs
            .read_section("TCP", netns.text(NetFile::Sockstat)?, row)
            .map_err(ProbeError::parse(NetFile::Sockstat))?;
        if let Some(text) = netns.optional_text(NetFile::Sockstat6)? {
            self.ipv6
                .read_section("TCP6", text, row)
                .map_err(ProbeError::parse(NetFile::Sockstat6))?;
        }
        Ok(())
    }
}
