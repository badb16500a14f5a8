//! TCP counters of a namespace (RFC 1213 and `net/ipv4/tcp*.c`). The kernel counts IPv4 and IPv6 in one.

use super::columns::ColumnProbe;
use super::{Probe, ProbeSpec};
use crate::kernel::procfs::NetFile;
use crate::metrics::{Metric, Source};

const SECTION: &str = "Tcp";
const FILES: &[NetFile] = &[NetFile::Snmp];

pub static PROBE: ProbeSpec = ProbeSpec {
    name: "tcp",
    older_names: &[],
    default: true,
    about: "Connections, segments, retransmissions and resets of TCP",
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

const METRICS: &[Metric] = &[
    Metric::counter(
        "kubeskoop_tcp_activeopens",
        "connections",
        "Outgoing connects started (SYN-SENT entries), successful or not; no retransmitted SYNs",
        of("ActiveOpens"),
    ),
    Metric::counter(
        "kubeskoop_tcp_passiveopens",
        "connections",
        "Connections that a listener accepted into a new socket",
        of("PassiveOpens"),
    ),
    Metric::counter(
        "kubeskoop_tcp_retranssegs",
        "segments",
        "TCP segments sent again (counted after TSO split)",
        of("RetransSegs"),
    ),
    Metric::counter(
        "kubeskoop_tcp_attemptfails",
        "connections",
        "Handshakes that ended without reaching ESTABLISHED",
        of("AttemptFails"),
    ),
    Metric::counter(
        "kubeskoop_tcp_estabresets",
        "connections",
        "Connections going from ESTABLISHED/CLOSE-WAIT straight to CLOSE (abnormal end)",
        of("EstabResets"),
    ),
    Metric::gauge(
        "kubeskoop_tcp_currestab",
        "connections",
        "Connections now ESTABLISHED or CLOSE-WAIT",
        of("CurrEstab"),
    ),
    Metric::counter(
        "kubeskoop_tcp_insegs",
        "segments",
        "Segments received, bad ones included",
        of("InSegs"),
    ),
    Metric::counter(
        "kubeskoop_tcp_outsegs",
        "segments",
        "Segments sent, pure retransmits excluded",
        of("OutSegs"),
    ),
    Metric::counter(
        "kubeskoop_tcp_inerrs",
        "segments",
        "Segments received in error (bad header/checksum)",
        of("InErrs"),
    ),
    Metric::counter(
        "kubeskoop_tcp_outrsts",
        "segments",
        "Segments sent with RST",
        of("OutRsts"),
    ),
];
