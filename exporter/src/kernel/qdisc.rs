//! The queueing disciplines of a namespace and what they count, by rtnetlink (`RTM_GETQDISC`).
//!
//! The kernel writes a message for each in `tc_fill_qdisc` of `net/sched/sch_api.c`, its numbers in
//! `net/core/gen_stats.c`. A device that has never been up has none; `noqueue` of veth pairs, bridges
//! and tunnels counts nothing.

use std::io;

use super::netlink::{Dump, attributes};

const RTM_GETQDISC: u16 = 38;
const TCMSG_LENGTH: usize = 20;

const TCA_STATS2: u16 = 7;
const TCA_STATS_BASIC: u16 = 1;
const TCA_STATS_QUEUE: u16 = 3;
const TCA_STATS_PKT64: u16 = 8;

/// The parent of the qdisc that every packet leaving a device passes. Below it are the qdiscs of
/// its classes, which count the same packets again: a qdisc with classes counts all of them itself,
/// and `mq` and `mqprio` sum up those of their queues as they are dumped (`mq_dump` in
/// `net/sched/sch_mq.c`). `ingress` and `clsact` hang from `TC_H_INGRESS`: they queue nothing.
const TC_H_ROOT: u32 = 0xffff_ffff;
/// `lo` is made with the namespace, which gives it this index (`loopback_net_init`).
const LOOPBACK_IFINDEX: u32 = 1;

/// A queueing discipline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Qdisc {
    /// Index of its device.
    pub ifindex: u32,
    /// The class it belongs to, or where on the device it is.
    pub parent: u32,
    /// What it counts.
    pub counters: QdiscCounters,
}

/// What a qdisc counts, or several together.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct QdiscCounters {
    /// Bytes that passed it.
    pub bytes: u64,
    /// Packets that passed it, one with GSO as the segments it is to be cut into. Kernels before
    /// 5.5 count them in 32 bits, which wrap.
    pub packets: u64,
    /// Packets it dropped, one with GSO as one. Every kernel counts them in 32 bits, which wrap.
    pub drops: u64,
    /// Times it had to delay or limit, in 32 bits as well.
    pub overlimits: u64,
    /// Packets now in it.
    pub qlen: u64,
    /// Bytes now in it.
    pub backlog: u64,
}

impl QdiscCounters {
    fn add(&mut self, other: &Self) {
        let sums = [
            (&mut self.bytes, other.bytes),
            (&mut self.packets, other.packets),
            (&mut self.drops, other.drops),
            (&mut self.overlimits, other.overlimits),
            (&mut self.qlen, other.qlen),
            (&mut self.backlog, other.backlog),
        ];
        for (sum, number) in sums {
            *sum = sum.wrapping_add(number);
        }
    }
}

/// A dump of qdiscs, to be asked for in one namespace after another.
#[derive(Debug)]
pub struct QdiscDump {
    dump: Dump,
}

impl Default for QdiscDump {
    fn default() -> Self {
        let request = [0; TCMSG_LENGTH];
        let dump = Dump::new(netlink_sys::protocols::NETLINK_ROUTE, RTM_GETQDISC, &request);
        Self { dump }
    }
}

impl QdiscDump {
    /// What the root qdiscs of all devices but `lo` count together, in the network namespace the
    /// calling thread is in.
    ///
    /// # Errors
    /// The kernel does not answer, or in a way that is not understood: a sum that lacks a device
    /// would look like a counter that began anew.
    pub fn sum_of_roots(&mut self) -> io::Result<QdiscCounters> {
        let mut sum = QdiscCounters::default();
        let mut all_understood = true;
        self.dump.run(|message| match qdisc_of(message) {
            Some(qdisc) if qdisc.parent == TC_H_ROOT && qdisc.ifindex != LOOPBACK_IFINDEX => {
                sum.add(&qdisc.counters);
            }
            Some(_) => {}
            None => all_understood = false,
        })?;
        if !all_understood {
            return Err(io::Error::other("a qdisc without its numbers"));
        }
        Ok(sum)
    }
}

/// The qdisc that a message is about; none if the message is cut short or has no numbers.
pub fn qdisc_of(message: &[u8]) -> Option<Qdisc> {
    // struct tcmsg: the family, the index at byte 4, handle, parent, reference count.
    let head = message.get(..TCMSG_LENGTH)?;
    let stats = attributes(&message[TCMSG_LENGTH..]).find(|(kind, _)| *kind == TCA_STATS2)?;
    Some(Qdisc {
        ifindex: u32_at(head, 4)?,
        parent: u32_at(head, 12)?,
        counters: counters_of(stats.1)?,
    })
}

fn counters_of(stats: &[u8]) -> Option<QdiscCounters> {
    let (mut basic, mut queue, mut packets) = (None, None, None);
    for (kind, value) in attributes(stats) {
        match kind {
            TCA_STATS_BASIC => basic = Some(value),
            TCA_STATS_QUEUE => queue = Some(value),
            // Only there once the packets no longer fit in the 32 bits of TCA_STATS_BASIC.
            TCA_STATS_PKT64 => packets = Some(u64_at(value, 0)?),
            _ => {}
        }
    }
    // struct gnet_stats_basic and struct gnet_stats_queue, whose fourth number are the requeues.
    let (basic, queue) = (basic?, queue?);
    let queue = |number: usize| u32_at(queue, 4 * number).map(u64::from);
    Some(QdiscCounters {
        bytes: u64_at(basic, 0)?,
        packets: packets.or(u32_at(basic, 8).map(u64::from))?,
        qlen: queue(0)?,
        backlog: queue(1)?,
        drops: queue(2)?,
        overlimits: queue(4)?,
    })
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|bytes| u32::from_ne_bytes(*bytes))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|bytes| u64::from_ne_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TCA_KIND: u16 = 1;
    const TCA_STATS_RATE_EST: u16 = 2;
    const NLA_F_NESTED: u16 = 1 << 15;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(4 + value.len()).expect("a short value");
        let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
        bytes.extend_from_slice(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn basic(bytes: u64, packets: u32) -> Vec<u8> {
        let packets = [packets.to_ne_bytes(), [0; 4]].concat();
        attribute(TCA_STATS_BASIC, &[bytes.to_ne_bytes().to_vec(), packets].concat())
    }

    fn queue(numbers: [u32; 5]) -> Vec<u8> {
        attribute(TCA_STATS_QUEUE, &numbers.map(u32::to_ne_bytes).concat())
    }

    fn message(ifindex: u32, parent: u32, stats: &[Vec<u8>]) -> Vec<u8> {
        let head = [0, ifindex, 0x8001_0000, parent, 2]
            .map(u32::to_ne_bytes)
            .concat();
        let kind = attribute(TCA_KIND, b"tbf\0");
        let stats = attribute(TCA_STATS2 | NLA_F_NESTED, &stats.concat());
        [head, kind, stats].concat()
    }

    fn full() -> Vec<u8> {
        let estimate = attribute(TCA_STATS_RATE_EST, &[9; 8]);
        message(
            7,
            TC_H_ROOT,
            &[basic(1 << 40, 3), estimate, queue([4, 5, 6, 7, 8])],
        )
    }

    #[test]
    fn every_number_comes_from_its_place() {
        let expected = Qdisc {
            ifindex: 7,
            parent: TC_H_ROOT,
            counters: QdiscCounters {
                bytes: 1 << 40,
                packets: 3,
                drops: 6,
                overlimits: 8,
                qlen: 4,
                backlog: 5,
            },
        };
        assert_eq!(qdisc_of(&full()), Some(expected));
    }

    #[test]
    fn packets_past_32_bits_are_counted_in_64() {
        let packets = (1_u64 << 32) + 7;
        let stats = [
            basic(0, 7),
            attribute(TCA_STATS_PKT64, &packets.to_ne_bytes()),
            queue([0; 5]),
        ];
        let qdisc = qdisc_of(&message(2, TC_H_ROOT, &stats)).expect("a qdisc");
        assert_eq!(qdisc.counters.packets, packets);
    }

    #[test]
    fn a_message_cut_short_is_no_qdisc() {
        let whole = full();
        for length in 0..whole.len() {
            assert_eq!(qdisc_of(&whole[..length]), None, "{length} of {}", whole.len());
        }
    }

    #[test]
    fn numbers_that_are_missing_or_cut_short_are_not_taken_for_0() {
        for stats in [
            vec![],
            vec![basic(1, 1)],
            vec![queue([1; 5])],
            vec![attribute(TCA_STATS_BASIC, &[1; 8]), queue([1; 5])],
            vec![basic(1, 1), attribute(TCA_STATS_QUEUE, &[1; 16])],
            vec![basic(1, 1), attribute(TCA_STATS_PKT64, &[1; 4]), queue([1; 5])],
        ] {
            assert_eq!(qdisc_of(&message(2, TC_H_ROOT, &stats)), None, "{stats:?}");
        }
    }

    #[test]
    fn the_own_namespace_answers_without_any_capability() {
        QdiscDump::default().sum_of_roots().expect("the own qdiscs");
    }

    proptest! {
        #[test]
        fn no_message_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = qdisc_of(&bytes);
            let _ = qdisc_of(&[&[0; TCMSG_LENGTH][..], &attribute(TCA_STATS2, &bytes)].concat());
        }
    }
}
