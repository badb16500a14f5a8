/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What stands in for functions that cannot be hooked. Received: from the protocol-independent layer until a socket
 * becomes readable. Sent: TCP only, from the time that TCP puts on the segment. */
#ifndef KERNELLATENCY_TRACEPOINTS_H
#define KERNELLATENCY_TRACEPOINTS_H

#include "inet.h"

enum { NET_RX_SOFTIRQ = 3 };
#define MINUTE 60000000000ULL

/* What this CPU is at. */
struct current_packet {
	__u64 received; /* when; 0: none is being received */
	__u64 sent, stamp;
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct current_packet);
} current SEC(".maps");

static __always_inline struct current_packet *own_current(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&current, &zero);
}

/* netif_receive_skb(skb): in a list, the last of them. */
static __always_inline void entered(__u64 *ctx __attribute__((unused)), const bool typed __attribute__((unused)))
{
	struct current_packet *own = own_current();

	if (own)
		own->received = bpf_ktime_get_ns();
}

/* sk_data_ready(sk): of a packet if this CPU is receiving one. */
static __always_inline void readable(__u64 *ctx, const bool typed)
{
	struct sock *sk = (void *)ctx[0];
	__u16 family = LOAD(sk, __sk_common.skc_family);
	struct current_packet *own = own_current();

	if (!own || !own->received || (family != AF_INET && family != AF_INET6))
		return;
	struct latencies *of = latencies_of(slot_of_sock(sk, typed));
	if (of)
		observe(&of->rx, elapsed(own->received, bpf_ktime_get_ns()));
}

/* softirq_exit(vector) */
static __always_inline void left(__u64 *ctx, const bool typed __attribute__((unused)))
{
	struct current_packet *own = own_current();

	if (own && (__u32)ctx[0] == NET_RX_SOFTIRQ)
		own->received = 0;
}

/* net_dev_queue(skb): TCP's time is when the segment was due to leave, by the same clock. A device upon another queues
 * the packet once more, and one namespace hands it to the next with its socket. */
static __always_inline void queued_stamped(__u64 *ctx, const bool typed)
{
	struct sk_buff *skb = (void *)ctx[0];
	__u64 key = ADDRESS(ctx[0]), stamp = LOAD(skb, tstamp);
	struct current_packet *own = own_current();
	struct sock *sk = LOAD(skb, sk);

	if (!own || !sk || !stamp || bpf_ktime_get_ns() - stamp > MINUTE)
		return;
	if (LOAD(sk, __sk_common.skc_state) == TCP_NEW_SYN_RECV || LOAD(sk, __sk_common.skc_state) == TCP_TIME_WAIT)
		return;
	if (LOAD(sk, sk_protocol) != IPPROTO_TCP || (own->sent == key && own->stamp == stamp))
		return;
	own->sent = key;
	own->stamp = stamp;
	if (slot_of_sock(sk, typed) == slot_of_device(LOAD(skb, dev), typed))
		count_sent(skb, stamp, typed);
}

#endif
