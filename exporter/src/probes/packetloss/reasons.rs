//! Reasons for drops, and what kind of drop each is.

mod table;

pub use table::TABLE;

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

impl Class {
    /// Every class.
    pub const ALL: [Self; 4] = [Routine, Packet, Netfilter, Abnormal];

    /// Its name in the documentation.
    pub fn name(self) -> &'static str {
        match self {
            Routine => "routine",
            Packet => "packet",
            Netfilter => "netfilter",
            Abnormal => "abnormal",
        }
    }

    /// What it means, in a sentence.
    pub fn about(self) -> &'static str {
        match self {
            Routine => "Nobody misses the packet, which is counted under its reason and nowhere else.",
            Packet => {
                "The packet itself is wrong and would be dropped anywhere; it is part of \
                 `kubeskoop_packetloss_total`."
            }
            Netfilter => {
                "A rule of a firewall dropped it; it is part of `kubeskoop_packetloss_total`, \
                 `kubeskoop_packetloss_netfilter` and `kubeskoop_packetloss_abnormal`."
            }
            Abnormal => {
                "This host dropped it because of its load, its state or its configuration; it is part of \
                 `kubeskoop_packetloss_total` and `kubeskoop_packetloss_abnormal`."
            }
        }
    }
}

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

/// Name of the frees without a reason that nobody misses.
pub const ROUTINE: &str = "NOT_SPECIFIED_ROUTINE";

/// Words in the name of a reason that say that the packet is wrong.
pub const WRONG_WORDS: [&str; 4] = ["INVALID", "BAD", "TRUNC", "MALFORMED"];
/// An end of such a name.
pub const WRONG_END: &str = "_CSUM";
/// Its beginning where wireless frames are dropped, which are always wrong then.
pub const WRONG_BEGINNING: &str = "RX_DROP_";

/// The class of a reason. What the table does not know counts as abnormal, unless its name says that
/// the packet is wrong.
pub fn class(name: &str) -> Class {
    if let Some((_, class, _)) = TABLE.iter().find(|(known, ..)| *known == name) {
        return *class;
    }
    if name == ROUTINE {
        return Routine;
    }
    let has_wrong_word = name.split('_').any(|word| WRONG_WORDS.contains(&word));
    if has_wrong_word || name.ends_with(WRONG_END) || name.starts_with(WRONG_BEGINNING) {
        Packet
    } else {
        Abnormal
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_reason_stands_once_in_the_table() {
        let names: HashSet<&str> = TABLE.iter().map(|(name, ..)| *name).collect();
        assert_eq!(names.len(), TABLE.len());
        let is_short = |name: &&str| !name.starts_with("SKB_DROP_REASON_") && *name != ROUTINE;
        assert!(names.iter().all(is_short));
    }

    #[test]
    fn a_reason_has_the_class_of_the_table() {
        let classes = [
            ("NETFILTER_DROP", Netfilter),
            ("TCP_CSUM", Packet),
            ("SKB_CSUM", Abnormal),
            ("QUEUE_PURGE", Routine),
            ("SOCKET_CLOSE", Routine),
            (ROUTINE, Routine),
            ("NOT_SPECIFIED", Abnormal),
            ("NO_SOCKET", Abnormal),
            ("SOCKET_RCVBUFF", Abnormal),
            ("TCP_INVALID_SEQUENCE", Packet),
        ];
        for (name, expected) in classes {
            assert_eq!(class(name), expected, "{name}");
        }
    }

    #[test]
    fn only_the_firewall_is_netfilter() {
        let is_firewall =
            |(name, class, _): &&(&str, Class, &str)| (*class == Netfilter) != (*name == "NETFILTER_DROP");
        assert_eq!(TABLE.iter().find(is_firewall), None);
    }

    #[test]
    fn an_unknown_reason_is_abnormal_unless_its_name_says_that_the_packet_is_wrong() {
        let wrong = [
            "NEW_INVALID_THING",
            "BAD_LUCK",
            "OPTION_TRUNC",
            "MALFORMED",
            "SCTP_CSUM",
            "RX_DROP_U_REPLAY",
        ];
        for name in wrong {
            assert_eq!(class(name), Packet, "{name}");
        }
        for name in [
            "NEW_LIMIT",
            "BADGE",
            "TRUNCATED",
            "CSUM_QUEUE_FULL",
            "TX_RX_DROP_",
            "OTHER",
            "",
        ] {
            assert_eq!(class(name), Abnormal, "{name}");
        }
    }
}
