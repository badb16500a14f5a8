//! Extended TCP counters of a namespace (`enum LINUX_MIB_*` of `linux/snmp.h`). The kernel counts IPv4 and
//! IPv6 in one.

use super::columns::ColumnProbe;
use super::{Probe, ProbeSpec};
use crate::kernel::procfs::NetFile;
use crate::metrics::{Metric, Source};

const SECTION: &str = "TcpExt";
const FILES: &[NetFile] = &[NetFile::Netstat];

pub static PROBE: ProbeSpec = ProbeSpec {
    name: "tcpext",
    older_names: &[],
    default: true,
    about: "Why TCP connections are refused, reset, slow or lossy",
    args: &[],
    metrics: METRICS,
    build: |_| Ok(Probe::files(ColumnProbe::new(FILES, SECTION, METRICS))),
};

const fn of(column: &'static str) -> Source {
    Source::Column {
        file: NetFile::Netstat,
        section: SECTION,
        column,
        ipv6: None,
    }
}

const METRICS: &[Metric] = &[
    Metric::counter(
        "kubeskoop_tcpext_listendrops",
        "events",
        "Any drop at a LISTEN socket when it tried to make the child/request socket (superset of listenoverflows)",
        of("ListenDrops"),
    ),
    Metric::counter(
        "kubeskoop_tcpext_listenoverflows",
        "events",
        "SYN or final ACK refused because the accept queue of a LISTEN socket was full",
        of("ListenOverflows"),
    ),
    Metric::counter(
        "kubeskoop_tcpext_tcpsynretrans",
        "segments",
        "SYN or SYN-ACK sent again",
        of("TCPSynRetrans"),
    ),
    Metric::counter(
        "kubeskoop_tcpext_tcpfastretrans",
        "segments",
        "Fast retransmissions (not from RTO loss state)",
        of("TCPFastRetrans"),
    ),
    Metric::counter(
        "kubeskoop_tcpext_tcpretransfail",
        "events",
        "Retransmit attempts that failed with an error",
        of("TCPRetransFail"),
    ),
    Metric::counter(
        "kubeskoop_tcpext_tcptimeouts",
        "events",
        "Retransmit timer (RTO) expirations",
        of("TCPTimeouts"),
    ),
    Metric::counter(
        "kubeskoop_tcpext_tcpabortonclose",
        "connections",
        "RST sent since the application closed with unread data",
        of("TCPAbortOnClose"),
    ),
    Metric::counter(
        "kubeskoop_tcpext_tcpabortonmemory",
        "connections",
        "Connection killed for lack of TCP memory or too many orphans",
        of("TCPAbortOnMemory"),
    ),
    Metric::counter(
        "kubeskoop_tcpext_tcpabortontimeout",
        "connections",
        "Connection aborted after too many retransmits / probes / keepalives",
        of("TCPAbortOnTimeout"),
    ),
    Metric::counter(
        "kubeskoop_tcpext_tcpabortonlinger",
        "connections",
        "FIN-WAIT-2 connection reset at once since linger2 < 0",
        of("TCPAbortOnLinger"),
    ),
    Metric::counter(
        "kubeskoop_tcpext_tcpabortondata",
        "connections",
        "Reset due to SO_LINGER 0 close or data arriving for a closed socket",
        of("TCPAbortOnData"),
    ),
    Metric::counter(
        "kubeskoop_tcpext_tcpabortfailed",
        "events",
        "RST wanted for an abort could not be sent (no memory)",
        of("TCPAbortFailed"),
    ),
    Metric::counter(
        "kubeskoop_tcpext_tcpackskippedsynrecv",
        "events",
        "ACK replies rate limited in SYN-RECV",
        of("TCPACKSkippedSynRecv"),
    ),
    Metric::counter(
        "kubeskoop_tcpext_tcpackskippedpaws",
        "events",
        "ACK replies rate limited after a PAWS failure",
        of("TCPACKSkippedPAWS"),
    ),
    Metric::counter(
        "kubeskoop_tcpext_tcpackskippedseq",
        "events",
        "ACK replies rate limited after an out-of-window sequence",
        of("TCPACKSkippedSeq"),
    ),
    Metric::counter(
        "kubeskoop_tcpext_tcpackskippedfinwait2",
        "events",
        "ACK replies rate limited in FIN-WAIT-2",
        of("TCPACKSkippedFinWait2"),
    ),
    Metric::counter(
        "kubeskoop_tcpext_tcpackskippedtimewait",
        "events",
        "ACK replies rate limited in TIME-WAIT",
        of("TCPACKSkippedTimeWait"),
    ),
    Metric::counter(
        "kubeskoop_tcpext_tcpackskippedchallenge",
        "events",
        "Challenge ACKs suppressed by the rate limit",
        of("TCPACKSkippedChallenge"),
    ),
    Metric::counter(
        "kubeskoop_tcpext_tcprcvqdrop",
        "packets",
        "Packets dropped since the receive queue could not take them (rmem/memory)",
        of("TCPRcvQDrop"),
    ),
    Metric::counter(
        "kubeskoop_tcpext_tcpmemorypressures",
        "events",
        "Times TCP entered memory pressure",
        of("TCPMemoryPressures"),
    ),
    Metric::counter(
        "kubeskoop_tcpext_tcpmemorypressureschrono",
        "milliseconds",
        "Total time in TCP memory pressure",
        of("TCPMemoryPressuresChrono"),
    ),
    Metric::counter(
        "kubeskoop_tcpext_pawsactive",
        "packets",
        "SYN-SENT packets rejected by PAWS",
        of("PAWSActive"),
    ),
    Metric::counter(
        "kubeskoop_tcpext_pawsestab",
        "packets",
        "Packets rejected by PAWS on established connections",
        of("PAWSEstab"),
    ),
    Metric::counter(
        "kubeskoop_tcpext_embryonicrsts",
        "events",
        "RSTs received for half-open (SYN-RECV) connections",
        of("EmbryonicRsts"),
    ),
    Metric::counter(
        "kubeskoop_tcpext_tcpwinprobe",
        "packets",
        "Zero-window probes sent",
        of("TCPWinProbe"),
    ),
    Metric::counter(
        "kubeskoop_tcpext_tcpkeepalive",
        "packets",
        "Keepalive probes sent",
        of("TCPKeepAlive"),
    ),
    Metric::counter(
        "kubeskoop_tcpext_tcpmtupfail",
        "events",
        "Path-MTU probes that failed",
        of("TCPMTUPFail"),
    ),
    Metric::counter(
        "kubeskoop_tcpext_tcpmtupsuccess",
        "events",
        "Path-MTU probes that worked",
        of("TCPMTUPSuccess"),
    ),
    Metric::counter(
        "kubeskoop_tcpext_tcpzerowindowdrop",
        "packets",
        "Packets dropped since the receive window was zero",
        of("TCPZeroWindowDrop"),
    ),
    Metric::counter(
        "kubeskoop_tcpext_tcpbacklogdrop",
        "packets",
        "Packets dropped since the socket backlog was full",
        of("TCPBacklogDrop"),
    ),
    Metric::counter(
        "kubeskoop_tcpext_pfmemallocdrop",
        "packets",
        "Packets using emergency memory dropped for ordinary sockets",
        of("PFMemallocDrop"),
    ),
    Metric::counter(
        "kubeskoop_tcpext_tcpwqueuetoobig",
        "events",
        "Sends refused since the write queue memory was excessive",
        of("TCPWqueueTooBig"),
    ),
];
