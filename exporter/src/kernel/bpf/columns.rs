//! Which enumerator of the kernel stands behind a column of `/proc/<pid>/net/{snmp,snmp6,netstat}`
//! (`snmp4_*_list` in `net/ipv4/proc.c`, `snmp6_*_list` in `net/ipv6/proc.c`).

use crate::kernel::procfs::NetFile;

/// A column by its name in the file, and its enumerators: of two names the first the kernel has.
pub type Column = (&'static str, &'static [&'static str]);

/// One of the counter tables of a namespace, in the order of `records.h`.
#[derive(Debug)]
pub struct Table {
    /// The file that shows it.
    pub file: NetFile,
    /// Its section in the file, or the prefix of its names in `snmp6`.
    pub section: &'static str,
    /// The columns that are wanted of it.
    pub columns: &'static [Column],
}

const TCP: &[Column] = &[
    ("ActiveOpens", &["TCP_MIB_ACTIVEOPENS"]),
    ("PassiveOpens", &["TCP_MIB_PASSIVEOPENS"]),
    ("AttemptFails", &["TCP_MIB_ATTEMPTFAILS"]),
    ("EstabResets", &["TCP_MIB_ESTABRESETS"]),
    ("CurrEstab", &["TCP_MIB_CURRESTAB"]),
    ("InSegs", &["TCP_MIB_INSEGS"]),
    ("OutSegs", &["TCP_MIB_OUTSEGS"]),
    ("RetransSegs", &["TCP_MIB_RETRANSSEGS"]),
    ("InErrs", &["TCP_MIB_INERRS"]),
    ("OutRsts", &["TCP_MIB_OUTRSTS"]),
];
const UDP: &[Column] = &[
    ("InDatagrams", &["UDP_MIB_INDATAGRAMS"]),
    ("NoPorts", &["UDP_MIB_NOPORTS"]),
    ("InErrors", &["UDP_MIB_INERRORS"]),
    ("OutDatagrams", &["UDP_MIB_OUTDATAGRAMS"]),
    ("RcvbufErrors", &["UDP_MIB_RCVBUFERRORS"]),
    ("SndbufErrors", &["UDP_MIB_SNDBUFERRORS"]),
    ("InCsumErrors", &["UDP_MIB_CSUMERRORS"]),
    ("IgnoredMulti", &["UDP_MIB_IGNOREDMULTI"]),
];
const IP: &[Column] = &[
    ("InReceives", &["IPSTATS_MIB_INPKTS"]),
    ("InHdrErrors", &["IPSTATS_MIB_INHDRERRORS"]),
    ("InAddrErrors", &["IPSTATS_MIB_INADDRERRORS"]),
    ("ForwDatagrams", &["IPSTATS_MIB_OUTFORWDATAGRAMS"]),
    ("InUnknownProtos", &["IPSTATS_MIB_INUNKNOWNPROTOS"]),
    ("InDiscards", &["IPSTATS_MIB_INDISCARDS"]),
    ("InDelivers", &["IPSTATS_MIB_INDELIVERS"]),
    ("OutRequests", &["IPSTATS_MIB_OUTREQUESTS", "IPSTATS_MIB_OUTPKTS"]),
    ("OutDiscards", &["IPSTATS_MIB_OUTDISCARDS"]),
    ("OutNoRoutes", &["IPSTATS_MIB_OUTNOROUTES"]),
    ("ReasmTimeout", &["IPSTATS_MIB_REASMTIMEOUT"]),
    ("ReasmReqds", &["IPSTATS_MIB_REASMREQDS"]),
    ("ReasmOKs", &["IPSTATS_MIB_REASMOKS"]),
    ("ReasmFails", &["IPSTATS_MIB_REASMFAILS"]),
    ("FragOKs", &["IPSTATS_MIB_FRAGOKS"]),
    ("FragFails", &["IPSTATS_MIB_FRAGFAILS"]),
    ("FragCreates", &["IPSTATS_MIB_FRAGCREATES"]),
];
const TCPEXT: &[Column] = &[
    ("ListenDrops", &["LINUX_MIB_LISTENDROPS"]),
    ("ListenOverflows", &["LINUX_MIB_LISTENOVERFLOWS"]),
    ("TCPSynRetrans", &["LINUX_MIB_TCPSYNRETRANS"]),
    ("TCPFastRetrans", &["LINUX_MIB_TCPFASTRETRANS"]),
    ("TCPRetransFail", &["LINUX_MIB_TCPRETRANSFAIL"]),
    ("TCPTimeouts", &["LINUX_MIB_TCPTIMEOUTS"]),
    ("TCPAbortOnClose", &["LINUX_MIB_TCPABORTONCLOSE"]),
    ("TCPAbortOnMemory", &["LINUX_MIB_TCPABORTONMEMORY"]),
    ("TCPAbortOnTimeout", &["LINUX_MIB_TCPABORTONTIMEOUT"]),
    ("TCPAbortOnLinger", &["LINUX_MIB_TCPABORTONLINGER"]),
    ("TCPAbortOnData", &["LINUX_MIB_TCPABORTONDATA"]),
    ("TCPAbortFailed", &["LINUX_MIB_TCPABORTFAILED"]),
    ("TCPACKSkippedSynRecv", &["LINUX_MIB_TCPACKSKIPPEDSYNRECV"]),
    ("TCPACKSkippedPAWS", &["LINUX_MIB_TCPACKSKIPPEDPAWS"]),
    ("TCPACKSkippedSeq", &["LINUX_MIB_TCPACKSKIPPEDSEQ"]),
    ("TCPACKSkippedFinWait2", &["LINUX_MIB_TCPACKSKIPPEDFINWAIT2"]),
    ("TCPACKSkippedTimeWait", &["LINUX_MIB_TCPACKSKIPPEDTIMEWAIT"]),
    ("TCPACKSkippedChallenge", &["LINUX_MIB_TCPACKSKIPPEDCHALLENGE"]),
    ("TCPRcvQDrop", &["LINUX_MIB_TCPRCVQDROP"]),
    ("TCPMemoryPressures", &["LINUX_MIB_TCPMEMORYPRESSURES"]),
    (
        "TCPMemoryPressuresChrono",
        &["LINUX_MIB_TCPMEMORYPRESSURESCHRONO"],
    ),
    ("PAWSActive", &["LINUX_MIB_PAWSACTIVEREJECTED"]),
    ("PAWSEstab", &["LINUX_MIB_PAWSESTABREJECTED"]),
    ("EmbryonicRsts", &["LINUX_MIB_EMBRYONICRSTS"]),
    ("TCPWinProbe", &["LINUX_MIB_TCPWINPROBE"]),
    ("TCPKeepAlive", &["LINUX_MIB_TCPKEEPALIVE"]),
    ("TCPMTUPFail", &["LINUX_MIB_TCPMTUPFAIL"]),
    ("TCPMTUPSuccess", &["LINUX_MIB_TCPMTUPSUCCESS"]),
    ("TCPZeroWindowDrop", &["LINUX_MIB_TCPZEROWINDOWDROP"]),
    ("TCPBacklogDrop", &["LINUX_MIB_TCPBACKLOGDROP"]),
    ("PFMemallocDrop", &["LINUX_MIB_PFMEMALLOCDROP"]),
    ("TCPWqueueTooBig", &["LINUX_MIB_TCPWQUEUETOOBIG"]),
];

/// Every table.
pub const TABLES: [Table; 6] = [
    Table {
        file: NetFile::Snmp,
        section: "Tcp",
        columns: TCP,
    },
    Table {
        file: NetFile::Snmp,
        section: "Udp",
        columns: UDP,
    },
    Table {
        file: NetFile::Snmp6,
        section: "Udp6",
        columns: UDP,
    },
    Table {
        file: NetFile::Snmp,
        section: "Ip",
        columns: IP,
    },
    Table {
        file: NetFile::Snmp6,
        section: "Ip6",
        columns: IP,
    },
    Table {
        file: NetFile::Netstat,
        section: "TcpExt",
        columns: TCPEXT,
    },
];
