// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* How long a packet is under way in the network layer of the kernel: received, from the IP layer to the transport
 * protocol; sent, from the IP layer to the device. */
#include "kernel.h"
#include "hooks.h"
#include "histogram.h"
#include "rows.h"
#include "underway.h"

struct latencies {
	struct histogram rx, tx;
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLOTS); /* times the stripes */
	__type(key, __u32);
	__type(value, struct latencies);
} latencies SEC(".maps");

UNDERWAY(receiving, 1024);
UNDERWAY(sending, 1024);

static __always_inline struct latencies *latencies_of(__u32 slot)
{
	__u32 row = row_of(slot);

	return bpf_map_lookup_elem(&latencies, &row);
}

/* ip_rcv_core(skb, ..), ip6_rcv_core(skb, ..): of single packets and of lists. */
static __always_inline void received(__u64 *ctx, const bool typed)
{
	__u64 key = ADDRESS(ctx[0]);

	begin(ways_of(receiving, key), key, 0, bpf_ktime_get_ns());
}

/* ip_protocol_deliver_rcu(net, skb, ..), ip6_protocol_deliver_rcu(net, skb, ..) */
static __always_inline void delivered(__u64 *ctx, const bool typed)
{
	__u64 key = ADDRESS(ctx[1]), since = end(ways_of(receiving, key), key, 0);

	if (!since)
		return;
	struct latencies *of = latencies_of(slot_of_net((void *)ctx[0], typed));
	if (of)
		observe(&of->rx, elapsed(since, bpf_ktime_get_ns()));
}

static __always_inline void sending_began(__u64 key)
{
	begin(ways_of(sending, key), key, 0, bpf_ktime_get_ns());
}

/* __ip_local_out(net, sk, skb), __ip6_local_out(net, sk, skb) */
static __always_inline void sent(__u64 *ctx, const bool typed)
{
	sending_began(ADDRESS(ctx[2]));
}

/* inet6_csk_xmit(sk, skb, ..): TCP over IPv6, but for the handshake of a server */
static __always_inline void sent_by_tcp6(__u64 *ctx, const bool typed)
{
	sending_began(ADDRESS(ctx[1]));
}

static __always_inline void count_sent(struct sk_buff *skb, __u64 since, const bool typed)
{
	struct latencies *of = latencies_of(slot_of_device(LOAD(skb, dev), typed));

	if (of)
		observe(&of->tx, elapsed(since, bpf_ktime_get_ns()));
}

/* net_dev_queue(skb) */
static __always_inline void queued(__u64 *ctx, const bool typed)
{
	__u64 key = ADDRESS(ctx[0]), since = end(ways_of(sending, key), key, 0);

	if (since)
		count_sent((void *)ctx[0], since, typed);
}

TRACEPOINT(net_dev_queue, queued)
FUNCTION(ip_rcv_core, received)
FUNCTION(ip6_rcv_core, received)
FUNCTION(ip_protocol_deliver_rcu, delivered)
FUNCTION(ip6_protocol_deliver_rcu, delivered)
FUNCTION(__ip_local_out, sent)
FUNCTION(__ip6_local_out, sent)
FUNCTION(inet6_csk_xmit, sent_by_tcp6)

#include "kernellatency_tracepoints.h"

TRACEPOINT(netif_receive_skb, entered)
TRACEPOINT(sk_data_ready, readable)
RAW_TRACEPOINT(softirq_exit, left)
HOOK("tp_btf/net_dev_queue", net_dev_queue_stamped_btf, queued_stamped, true)
HOOK("raw_tp/net_dev_queue", net_dev_queue_stamped_raw, queued_stamped, false)

char LICENSE[] SEC("license") = "Dual BSD/GPL";
