//! Reasons for drops, and what kind of drop each is.

/// What a drop with some reason means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Nobody misses the packet: in no total, only under its reason.
    Routine,
    /// The packet itself is wrong: it would be dropped anywhere.
    Packet,
    /// A firewall rule.
    Netfilter,
    /// Everything else: this host, its load or its configuration.
    Abnormal,
}
use Class::{Abnormal, Netfilter, Packet, Routine};

/// Functions that free without a reason what nobody misses. Newer kernels give most of them a reason.
pub const ROUTINE_PLACES: &[&str] = &[
    "sk_stream_kill_queues", // a TCP socket closes: the FIN, and data the application did not want
    "inet_sock_destruct",    // a UDP or raw socket closes with data in it
    "udp_destruct_common",   // the same
    "udp_destruct_sock",
    "udpv6_destruct_sock",
    "unix_release_sock", // a Unix socket closes
    "unix_sock_destructor",
    "packet_sock_destruct",  // a sniffer ends
    "netlink_sock_destruct", // a netlink socket closes
    "netlink_release",
    "skb_queue_purge", // a queue is thrown away with its owner
    "__skb_queue_purge",
    "skb_rbtree_purge",    // out-of-order data of a connection that is given up
    "nfnetlink_rcv_batch", // a message to nf_tables that was carried out
    "nfnetlink_rcv",
    "netlink_broadcast_filtered", // a notification nobody listens to
    "netlink_broadcast",
    "icmpv6_rcv",   // a message of ICMPv6 that was acted upon, until 6.1
    "ip6_mc_input", // multicast of groups nobody here is in
];

/// Every reason of Linux 6.1 to 6.19, without `SKB_DROP_REASON_`.
pub const TABLE: &[(&str, Class, &str)] = &[
    ("NOT_SPECIFIED", Abnormal, "the kernel does not say why"),
    (
        "NO_SOCKET",
        Abnormal,
        "nobody listens on the port, or no longer: the answer came too late",
    ),
    ("SOCKET_CLOSE", Routine, "left unread when its socket was closed"),
    (
        "SOCKET_FILTER",
        Abnormal,
        "a filter on the socket or its cgroup refused it: a policy to look at",
    ),
    (
        "SOCKET_RCVBUFF",
        Abnormal,
        "the receive buffer is full: the application does not keep up",
    ),
    (
        "UNIX_DISCONNECT",
        Routine,
        "left unread when a Unix socket turned to another peer",
    ),
    (
        "UNIX_SKIP_OOB",
        Routine,
        "urgent data that the reader passed over",
    ),
    ("PKT_TOO_SMALL", Packet, "shorter than its headers"),
    ("TCP_CSUM", Packet, "bad checksum"),
    ("UDP_CSUM", Packet, "bad checksum"),
    ("ICMP_CSUM", Packet, "bad checksum"),
    ("IP_CSUM", Packet, "bad checksum"),
    (
        "SKB_CSUM",
        Abnormal,
        "the checksum could not be computed on the way out",
    ),
    ("NETFILTER_DROP", Netfilter, "a rule of iptables or nftables"),
    (
        "OTHERHOST",
        Routine,
        "for another host's address, seen because the device is promiscuous or a switch floods",
    ),
    ("IP_INHDR", Packet, "bad IP header, or its time to live ran out"),
    (
        "IP_RPFILTER",
        Abnormal,
        "came in by a device the answer would not leave by: asymmetric routes",
    ),
    (
        "UNICAST_IN_L2_MULTICAST",
        Packet,
        "unicast inside a multicast frame",
    ),
    ("XFRM_POLICY", Abnormal, "an IPsec policy refused it"),
    ("IP_NOPROTO", Packet, "of an IP protocol this host does not speak"),
    (
        "PROTO_MEM",
        Abnormal,
        "the protocol's memory limit for the whole host is reached",
    ),
    ("TCP_AUTH_HDR", Packet, "signed twice or wrongly"),
    ("TCP_MD5NOTFOUND", Packet, "not signed where it must be"),
    ("TCP_MD5UNEXPECTED", Packet, "signed where it must not be"),
    ("TCP_MD5FAILURE", Packet, "bad signature"),
    ("TCP_AONOTFOUND", Packet, "not signed where it must be"),
    ("TCP_AOUNEXPECTED", Packet, "signed where it must not be"),
    ("TCP_AOKEYNOTFOUND", Packet, "signed with an unknown key"),
    ("TCP_AOFAILURE", Packet, "bad signature"),
    (
        "SOCKET_BACKLOG",
        Abnormal,
        "came faster than the application, which held the socket, let go of it",
    ),
    (
        "TCP_FLAGS",
        Packet,
        "flags that no state of the connection allows",
    ),
    (
        "TCP_ABORT_ON_DATA",
        Abnormal,
        "data for a socket that the application has closed: it is answered by a reset",
    ),
    (
        "TCP_ZEROWINDOW",
        Abnormal,
        "the receive window is closed: the application does not read",
    ),
    (
        "TCP_OLD_DATA",
        Routine,
        "received before: a retransmission that was not needed",
    ),
    ("TCP_OVERWINDOW", Packet, "beyond the window that was offered"),
    ("TCP_OFOMERGE", Routine, "received before, out of order"),
    ("TCP_OFO_DROP", Routine, "received before, out of order"),
    (
        "TCP_RFC7323_PAWS",
        Packet,
        "older than what was received already (time stamp)",
    ),
    (
        "TCP_RFC7323_PAWS_ACK",
        Routine,
        "an acknowledgement overtaken by a later one",
    ),
    (
        "TCP_RFC7323_TW_PAWS",
        Packet,
        "older than what was received already, for a connection in TIME_WAIT",
    ),
    (
        "TCP_RFC7323_TSECR",
        Packet,
        "echoes a time stamp that was never sent",
    ),
    (
        "TCP_LISTEN_OVERFLOW",
        Abnormal,
        "the accept queue is full: the application does not accept",
    ),
    (
        "TCP_OLD_SEQUENCE",
        Routine,
        "received before: a keep-alive, a window probe, or an unneeded retransmission",
    ),
    ("TCP_INVALID_SEQUENCE", Packet, "outside the window"),
    (
        "TCP_INVALID_END_SEQUENCE",
        Packet,
        "ends beyond the window that was offered",
    ),
    (
        "TCP_INVALID_ACK_SEQUENCE",
        Packet,
        "acknowledges what was not sent",
    ),
    ("TCP_RESET", Packet, "a reset that does not fit the connection"),
    (
        "TCP_INVALID_SYN",
        Packet,
        "a connection request inside a connection",
    ),
    ("TCP_CLOSE", Routine, "for a connection that is over"),
    ("TCP_FASTOPEN", Packet, "does not fit a fast-open handshake"),
    (
        "TCP_OLD_ACK",
        Routine,
        "an acknowledgement overtaken by a later one",
    ),
    (
        "TCP_TOO_OLD_ACK",
        Packet,
        "an acknowledgement older than any window: blind attacks look so",
    ),
    ("TCP_ACK_UNSENT_DATA", Packet, "acknowledges what was not sent"),
    (
        "TCP_OFO_QUEUE_PRUNE",
        Abnormal,
        "thrown away for want of memory: the sender must send it again",
    ),
    ("IP_OUTNOROUTES", Abnormal, "no route on the way out"),
    (
        "BPF_CGROUP_EGRESS",
        Abnormal,
        "a BPF program on the cgroup refused it: a policy to look at",
    ),
    (
        "IPV6DISABLED",
        Routine,
        "IPv6 at a device that does not speak it, mostly neighbours' multicast",
    ),
    ("NEIGH_CREATEFAIL", Abnormal, "the neighbour table is full"),
    (
        "NEIGH_FAILED",
        Abnormal,
        "the next hop does not answer ARP or neighbour discovery",
    ),
    (
        "NEIGH_QUEUEFULL",
        Abnormal,
        "too much waits for one next hop to answer",
    ),
    ("NEIGH_DEAD", Abnormal, "the next hop was removed"),
    ("NEIGH_HH_FILLFAIL", Abnormal, "no link header could be made"),
    (
        "TC_EGRESS",
        Abnormal,
        "a tc filter or BPF program refused it: a policy to look at",
    ),
    (
        "SECURITY_HOOK",
        Abnormal,
        "SELinux or another security module refused it",
    ),
    ("QDISC_DROP", Abnormal, "the queue of the device is full"),
    ("QDISC_OVERLIMIT", Abnormal, "the queue of the device is full"),
    (
        "QDISC_CONGESTED",
        Abnormal,
        "dropped early to slow the sender down",
    ),
    ("CAKE_FLOOD", Abnormal, "flood protection of the queue"),
    ("FQ_BAND_LIMIT", Abnormal, "the queue of its priority is full"),
    ("FQ_HORIZON_LIMIT", Abnormal, "due too far in the future"),
    ("FQ_FLOW_LIMIT", Abnormal, "the queue of its flow is full"),
    ("DUALPI2_STEP_DROP", Abnormal, "waited in the queue for too long"),
    (
        "CPU_BACKLOG",
        Abnormal,
        "the CPU's backlog is full: the host does not keep up",
    ),
    ("XDP", Abnormal, "an XDP program refused it: a policy to look at"),
    (
        "TC_INGRESS",
        Abnormal,
        "a tc filter or BPF program refused it: a policy to look at",
    ),
    (
        "UNHANDLED_PROTO",
        Routine,
        "a frame of a protocol nobody on this host speaks (LLDP, STP)",
    ),
    ("SKB_GSO_SEG", Abnormal, "could not be split into segments"),
    (
        "SKB_UCOPY_FAULT",
        Abnormal,
        "its data could not be read from the application",
    ),
    ("DEV_HDR", Packet, "the device's own header is wrong"),
    ("DEV_READY", Abnormal, "the device is not up"),
    (
        "FULL_RING",
        Abnormal,
        "the ring of the device is full: the reader does not keep up",
    ),
    ("NOMEM", Abnormal, "no memory"),
    ("HDR_TRUNC", Packet, "a header is cut off"),
    ("TAP_FILTER", Abnormal, "a filter on the tap refused it"),
    (
        "TAP_TXFILTER",
        Routine,
        "for another address than the virtual machine's",
    ),
    (
        "INVALID_PROTO",
        Packet,
        "against the rules of its protocol, like a broadcast ICMP request",
    ),
    (
        "IP_INADDRERRORS",
        Abnormal,
        "for no address of this host, and not to be forwarded",
    ),
    ("IP_INNOROUTES", Abnormal, "no route to forward it"),
    ("IP_LOCAL_SOURCE", Packet, "claims to come from this host"),
    ("IP_INVALID_SOURCE", Packet, "from no valid address"),
    ("IP_LOCALNET", Packet, "loopback addresses on a real device"),
    ("IP_INVALID_DEST", Packet, "to no valid address"),
    (
        "PKT_TOO_BIG",
        Abnormal,
        "larger than the path allows: MTU settings that do not fit each other",
    ),
    ("DUP_FRAG", Packet, "a fragment that came twice or overlaps"),
    ("FRAG_REASM_TIMEOUT", Abnormal, "other fragments of it never came"),
    ("FRAG_TOO_FAR", Abnormal, "its fragments came too far apart"),
    (
        "TCP_MINTTL",
        Packet,
        "came from further away than the socket allows",
    ),
    ("IPV6_BAD_EXTHDR", Packet, "bad extension header"),
    ("IPV6_NDISC_FRAG", Packet, "neighbour discovery in fragments"),
    (
        "IPV6_NDISC_HOP_LIMIT",
        Packet,
        "neighbour discovery from another link",
    ),
    (
        "IPV6_NDISC_BAD_CODE",
        Packet,
        "neighbour discovery with a bad code",
    ),
    (
        "IPV6_NDISC_BAD_OPTIONS",
        Packet,
        "neighbour discovery with bad options",
    ),
    (
        "IPV6_NDISC_NS_OTHERHOST",
        Routine,
        "a neighbour looks for another host",
    ),
    (
        "QUEUE_PURGE",
        Routine,
        "left in a queue that was thrown away, mostly at the close of a socket",
    ),
    ("TC_COOKIE_ERROR", Abnormal, "tc could not go on where it stopped"),
    (
        "PACKET_SOCK_ERROR",
        Routine,
        "the copy for a sniffer did not fit; the packet itself went on",
    ),
    (
        "TC_CHAIN_NOTFOUND",
        Abnormal,
        "tc rules name a chain that is not there",
    ),
    ("TC_RECLASSIFY_LOOP", Abnormal, "tc rules go in circles"),
    ("VXLAN_INVALID_HDR", Packet, "bad tunnel header"),
    (
        "VXLAN_VNI_NOT_FOUND",
        Abnormal,
        "of a virtual network this host is not in",
    ),
    (
        "VXLAN_ENTRY_EXISTS",
        Abnormal,
        "its source is fixed elsewhere in the tunnel's table",
    ),
    ("MAC_INVALID_SOURCE", Packet, "from no valid link address"),
    (
        "LOCAL_MAC",
        Packet,
        "claims to come from this host's link address",
    ),
    (
        "NO_TX_TARGET",
        Abnormal,
        "the tunnel or bridge knows no way to its destination",
    ),
    (
        "IP_TUNNEL_ECN",
        Packet,
        "congestion marks inside and outside contradict each other",
    ),
    (
        "TUNNEL_TXINFO",
        Abnormal,
        "sent into a tunnel without saying where to",
    ),
    (
        "ARP_PVLAN_DISABLE",
        Abnormal,
        "ARP between ports that may not talk to each other",
    ),
    (
        "MAC_IEEE_MAC_CONTROL",
        Routine,
        "control frames of the link, which end here",
    ),
    (
        "BRIDGE_INGRESS_STP_STATE",
        Abnormal,
        "the port of the bridge is blocked",
    ),
    ("CAN_RX_INVALID_FRAME", Packet, "bad frame"),
    ("CANFD_RX_INVALID_FRAME", Packet, "bad frame"),
    ("CANXL_RX_INVALID_FRAME", Packet, "bad frame"),
    (
        "PFMEMALLOC",
        Abnormal,
        "memory is so short that only swapping may use it",
    ),
    ("PSP_INPUT", Packet, "encrypted wrongly, or not at all"),
    (
        "PSP_OUTPUT",
        Abnormal,
        "could not be encrypted as the connection asks",
    ),
    ("RECURSION_LIMIT", Abnormal, "devices upon devices go in circles"),
    // Open vSwitch
    (
        "OVS_DROP_LAST_ACTION",
        Abnormal,
        "no flow rule forwards it: a policy to look at",
    ),
    ("OVS_DROP_ACTION_ERROR", Abnormal, "an action of a flow failed"),
    (
        "OVS_DROP_EXPLICIT",
        Abnormal,
        "a flow rule refused it: a policy to look at",
    ),
    (
        "OVS_DROP_EXPLICIT_WITH_ERROR",
        Abnormal,
        "a flow rule refused it after an error",
    ),
    ("OVS_DROP_METER", Abnormal, "over the rate of a meter"),
    ("OVS_DROP_RECURSION_LIMIT", Abnormal, "flow rules go in circles"),
    ("OVS_DROP_DEFERRED_LIMIT", Abnormal, "flow rules go in circles"),
    (
        "OVS_DROP_FRAG_L2_TOO_LONG",
        Abnormal,
        "its link header is too long to split it",
    ),
    (
        "OVS_DROP_FRAG_INVALID_PROTO",
        Abnormal,
        "to be split, and not of IP",
    ),
    ("OVS_DROP_CONNTRACK", Abnormal, "connection tracking failed"),
    ("OVS_DROP_IP_TTL", Packet, "its time to live ran out"),
    // Queues, a subsystem of their own in the newest kernels
    ("QDISC_DROP_GENERIC", Abnormal, "the queue of the device is full"),
    ("QDISC_DROP_MAXFLOWS", Abnormal, "too many flows for the queue"),
];

/// The class of a reason. What the table does not know counts as abnormal, unless its name says that the packet is
/// wrong, or it is of wireless frames, where it always is.
pub fn class(name: &str) -> Class {
    if let Some((_, class, _)) = TABLE.iter().find(|(known, ..)| *known == name) {
        return *class;
    }
    if name == ROUTINE {
        return Routine;
    }
    let wrong = name.ends_with("_CSUM") || name.starts_with("RX_DROP_");
    let words = ["INVALID", "BAD", "TRUNC", "MALFORMED"];
    if wrong || name.split('_').any(|word| words.contains(&word)) {
        Packet
    } else {
        Abnormal
    }
}

/// Name of the frees without a reason in places of [`ROUTINE_PLACES`].
pub const ROUTINE: &str = "NOT_SPECIFIED_ROUTINE";
