//! What each histogram of times measures, for the documentation.

use crate::metrics::Span;

pub static SOFTIRQ_SCHED: Span = Span {
    between: "The tracepoint softirq_raise to softirq_entry of the same type on the same CPU. A softirq that is raised \
              again before it runs has waited since the first time",
    contains: "Interrupts, other softirqs that run first and, once there is much to do, the turn of ksoftirqd among \
               other tasks",
    leaves_out: "The way of the interrupt before, what was raised before the probe was loaded, and the second of two runs \
                 if both had been raised when the first began",
    hooks: "Raw tracepoints, on any kernel",
    cost: "90 ns at softirq_raise, 105 ns at softirq_entry; for types that are not listed the programs end at once",
};

pub static SOFTIRQ_EXEC: Span = Span {
    between: "The tracepoint softirq_entry to softirq_exit of the same type on the same CPU",
    contains: "All that one run does, which for `net_rx` is up to `net.core.netdev_budget` packets, and hardware \
               interrupts that come in between",
    leaves_out: "Nothing: there are as many observations as runs in `/proc/softirqs` since the probe was loaded",
    hooks: "Raw tracepoints, on any kernel",
    cost: "105 ns at softirq_entry (the same program as above), 111 ns at softirq_exit",
};

pub static VIRTCMD: Span = Span {
    between: "The entry of virtnet_send_command_reply (before Linux 6.10: virtnet_send_command) to its return",
    contains: "The hypervisor, for whose answer a CPU waits without doing anything else",
    leaves_out: "Commands of other virtio devices than those of the network",
    hooks: "fentry and fexit or kprobes, and the module virtio_net; elsewhere the probe does not apply",
    cost: "Not timed: two programs a command, which is rare and takes the hypervisor microseconds at least",
};

pub static QDISC: Span = Span {
    between: "The tracepoint net_dev_queue to the first net_dev_start_xmit of the packet",
    contains: "The wait in queueing disciplines. A device without one (noqueue) counts as hardly any time. A packet of \
               many segments (GSO) is one packet",
    leaves_out: "Packets that the queue drops, that are split in software or get another VLAN tag after the queue, and \
                 that go past it (packet sockets with PACKET_QDISC_BYPASS, AF_XDP)",
    hooks: "Tracepoints, on any kernel",
    cost: "90 ns at net_dev_queue, 150 ns at net_dev_start_xmit (110 and 212 ns where the kernel refuses tp_btf)",
};

pub static NETDEV: Span = Span {
    between: "The tracepoint net_dev_start_xmit to net_dev_xmit of the same packet",
    contains: "The transmit call of the driver. Of devices upon each other (VLAN, bond, bridge, tunnel) the upper \
               includes the lower",
    leaves_out: "What the hardware does with the packet after the driver has accepted it, and packets that go past the \
                 queue",
    hooks: "Tracepoints, on any kernel",
    cost: "150 ns at net_dev_start_xmit (the same program as above), 131 ns at net_dev_xmit (212 and 184 ns where the \
           kernel refuses tp_btf)",
};

pub static SOCKET_READ: Span = Span {
    between: "A TCP socket becomes readable (sk_data_ready, before Linux 6.3 sock_def_readable) to the last byte that \
              was readable then being copied (tcp_rcv_space_adjust), by splice too",
    contains: "The wait of the application for a CPU, and all it does before it reads. One byte a socket is followed \
               at a time: what arrives meanwhile neither resets nor prolongs the wait",
    leaves_out: "UDP, the end of a stream without data, and sockets with a callback of their own (kernel TLS, sockmap) \
                 before Linux 6.3",
    hooks: "Tracepoints since Linux 6.3, fentry or kprobes before",
    cost: "91 ns when a socket becomes readable, 141 ns at a read, 54 ns at a change of state (155, 220 and 60 ns where \
           the kernel refuses tp_btf)",
};

pub static SOCKET_WRITE: Span = Span {
    between: "The application writes (tcp_sendmsg_locked) to the first byte of that being sent for the first time \
              (__tcp_transmit_skb)",
    contains: "The wait for room in the send buffer, for the window of the receiver, for Nagle's algorithm, congestion \
               control and pacing",
    leaves_out: "UDP, and the wait for the acknowledgement. One piece a socket is followed at a time",
    hooks: "fentry or kprobes; without them the tracepoints tcp_sendmsg_locked (Linux 6.16) and net_dev_queue, which \
            add the way through IP, or where there are none the probe does not apply",
    cost: "88 ns at a write, 60 ns at net_dev_queue (98 and 162 ns where the kernel refuses tp_btf)",
};

pub static KERNEL_RX: Span = Span {
    between: "ip_rcv_core or ip6_rcv_core to ip_protocol_deliver_rcu or ip6_protocol_deliver_rcu",
    contains: "Routing, netfilter in PREROUTING and INPUT, reassembly",
    leaves_out: "The driver, GRO and the transport protocol, and packets that are forwarded or dropped or that the \
                 kernel had to copy since somebody captures them",
    hooks: "fentry or kprobes; without them netif_receive_skb to sk_data_ready in the same run of the softirq (Linux \
            6.3), which adds the transport protocol and counts only packets that make a socket readable, in a list \
            from the arrival of its last packet",
    cost: "86 ns at netif_receive_skb, 136 ns at sk_data_ready, 51 ns at softirq_exit (87, 232 and 51 ns where the \
           kernel refuses tp_btf); function hooks were not timed",
};

pub static KERNEL_TX: Span = Span {
    between: "__ip_local_out, __ip6_local_out or inet6_csk_xmit to net_dev_queue",
    contains: "Routing, netfilter in OUTPUT and POSTROUTING, fragmentation, and the wait for a neighbour's address \
               (ARP, neighbour discovery)",
    leaves_out: "Packets that are forwarded, fragments but the first, and over IPv6 SYN-ACKs",
    hooks: "fentry or kprobes; without them the time that TCP puts on a segment to net_dev_queue: TCP only, pacing \
            included",
    cost: "84 ns at net_dev_queue (164 ns where the kernel refuses tp_btf); function hooks were not timed",
};
