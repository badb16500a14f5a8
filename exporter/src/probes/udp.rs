//! UDP counters of a namespace (`net/ipv4/udp.c`), IPv4 and IPv6 added: the kernel counts them apart, and
//! each pair means the same.

use super::columns::ColumnProbe;
use super::{Probe, ProbeSpec};
use crate::kernel::procfs::NetFile;
use crate::metrics::{Metric, Source};

const SECTION: &str = "Udp";
const FILES: &[NetFile] = &[NetFile::Snmp, NetFile::Snmp6];

pub static PROBE: ProbeSpec = ProbeSpec {
    name: "udp",
    older_names: &[],
    default: true,
    about: "Datagrams of UDP, and why some were not delivered or sent",
    args: &[],
    metrics: METRICS,
    build: |_| Ok(Probe::files(ColumnProbe::new(FILES, SECTION, METRICS))),
};

const fn with_ipv6(column: &'static str, twin: &'static str) -> Source {
    let ipv6 = Some((NetFile::Snmp6, twin));
    Source::Column {
        file: NetFile::Snmp,
        section: SECTION,
        column,
        ipv6,
    }
}

const METRICS: &[Metric] = &[
    Metric::counter(
        "kubeskoop_udp_indatagrams",
        "datagrams",
        "Datagrams handed to sockets",
        with_ipv6("InDatagrams", "Udp6InDatagrams"),
    ),
    Metric::counter(
        "kubeskoop_udp_noports",
        "datagrams",
        "Datagrams for which no socket listened on the port",
        with_ipv6("NoPorts", "Udp6NoPorts"),
    ),
    Metric::counter(
        "kubeskoop_udp_inerrors",
        "datagrams",
        "Datagrams not delivered for other reasons, receive buffer and checksum errors included",
        with_ipv6("InErrors", "Udp6InErrors"),
    ),
    Metric::counter(
        "kubeskoop_udp_outdatagrams",
        "datagrams",
        "Datagrams sent",
        with_ipv6("OutDatagrams", "Udp6OutDatagrams"),
    ),
    Metric::counter(
        "kubeskoop_udp_rcvbuferrors",
        "datagrams",
        "Datagrams dropped since the socket receive buffer was full",
        with_ipv6("RcvbufErrors", "Udp6RcvbufErrors"),
    ),
    Metric::counter(
        "kubeskoop_udp_sndbuferrors",
        "datagrams",
        "Sends that failed for lack of send buffer / transmit errors",
        with_ipv6("SndbufErrors", "Udp6SndbufErrors"),
    ),
    Metric::counter(
        "kubeskoop_udp_incsumerrors",
        "datagrams",
        "Datagrams with a bad checksum",
        with_ipv6("InCsumErrors", "Udp6InCsumErrors"),
    ),
    Metric::counter(
        "kubeskoop_udp_ignoredmulti",
        "datagrams",
        "Multicast datagrams with no interested socket",
        with_ipv6("IgnoredMulti", "Udp6IgnoredMulti"),
    ),
];
