//! IP counters of a namespace (`net/ipv4/`, `net/ipv6/`), IPv4 and IPv6 added where both count the same.

use super::columns::ColumnProbe;
use super::{Probe, ProbeSpec};
use crate::kernel::procfs::NetFile;
use crate::metrics::{Metric, Source};

const SECTION: &str = "Ip";
const FILES: &[NetFile] = &[NetFile::Snmp, NetFile::Snmp6];

pub static PROBE: ProbeSpec = ProbeSpec {
    name: "ip",
    older_names: &[],
    default: false,
    about: "Packets of IPv4 and IPv6: delivered, forwarded, dropped, fragmented",
    args: &[],
    metrics: METRICS,
    build: |_| Ok(Probe::files(ColumnProbe::new(FILES, SECTION, METRICS))),
};

const fn of(column: &'static str) -> Source {
    Source::Column {
        file: NetFile::Snmp,
        section: SECTION,
        column,
        ipv6: None,
    }
}

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
    Metric::gauge(
        "kubeskoop_ip_forwarding",
        "flag",
        "Forwarding of IPv4 packets: the kernel says 1 = forwarding, 2 = not forwarding",
        of("Forwarding"),
    ),
    Metric::gauge(
        "kubeskoop_ip_defaultttl",
        "hops",
        "Time to live of IPv4 packets sent",
        of("DefaultTTL"),
    ),
    Metric::counter(
        "kubeskoop_ip_inreceives",
        "packets",
        "IP packets received, errors included",
        with_ipv6("InReceives", "Ip6InReceives"),
    ),
    Metric::counter(
        "kubeskoop_ip_inhdrerrors",
        "packets",
        "Packets dropped for header faults (checksum, version, TTL)",
        with_ipv6("InHdrErrors", "Ip6InHdrErrors"),
    ),
    Metric::counter(
        "kubeskoop_ip_inaddrerrors",
        "packets",
        "Packets dropped since the destination address is not valid here",
        with_ipv6("InAddrErrors", "Ip6InAddrErrors"),
    ),
    Metric::counter(
        "kubeskoop_ip_forwdatagrams",
        "packets",
        "Packets forwarded",
        with_ipv6("ForwDatagrams", "Ip6OutForwDatagrams"),
    ),
    Metric::counter(
        "kubeskoop_ip_inunknownprotos",
        "packets",
        "Packets for an unsupported L4 protocol",
        with_ipv6("InUnknownProtos", "Ip6InUnknownProtos"),
    ),
    Metric::counter(
        "kubeskoop_ip_indiscards",
        "packets",
        "Good input packets dropped for lack of resources",
        with_ipv6("InDiscards", "Ip6InDiscards"),
    ),
    Metric::counter(
        "kubeskoop_ip_indelivers",
        "packets",
        "Packets delivered to upper layers",
        with_ipv6("InDelivers", "Ip6InDelivers"),
    ),
    Metric::counter(
        "kubeskoop_ip_outrequests",
        "packets",
        "Packets local protocols asked IP to send",
        with_ipv6("OutRequests", "Ip6OutRequests"),
    ),
    Metric::counter(
        "kubeskoop_ip_outdiscards",
        "packets",
        "Good output packets dropped for lack of resources",
        with_ipv6("OutDiscards", "Ip6OutDiscards"),
    ),
    Metric::counter(
        "kubeskoop_ip_outnoroutes",
        "packets",
        "Output packets dropped for lack of a route",
        with_ipv6("OutNoRoutes", "Ip6OutNoRoutes"),
    ),
    Metric::counter(
        "kubeskoop_ip_reasmtimeout",
        "events",
        "Fragment reassembly timeouts",
        with_ipv6("ReasmTimeout", "Ip6ReasmTimeout"),
    ),
    Metric::counter(
        "kubeskoop_ip_reasmreqds",
        "fragments",
        "Fragments needing reassembly",
        with_ipv6("ReasmReqds", "Ip6ReasmReqds"),
    ),
    Metric::counter(
        "kubeskoop_ip_reasmoks",
        "packets",
        "Packets reassembled",
        with_ipv6("ReasmOKs", "Ip6ReasmOKs"),
    ),
    Metric::counter(
        "kubeskoop_ip_reasmfails",
        "events",
        "Reassembly failures",
        with_ipv6("ReasmFails", "Ip6ReasmFails"),
    ),
    Metric::counter(
        "kubeskoop_ip_fragoks",
        "packets",
        "Packets fragmented",
        with_ipv6("FragOKs", "Ip6FragOKs"),
    ),
    Metric::counter(
        "kubeskoop_ip_fragfails",
        "packets",
        "Packets that needed fragmenting but could not be (for example DF)",
        with_ipv6("FragFails", "Ip6FragFails"),
    ),
    Metric::counter(
        "kubeskoop_ip_fragcreates",
        "fragments",
        "Fragments created",
        with_ipv6("FragCreates", "Ip6FragCreates"),
    ),
];
