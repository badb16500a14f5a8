// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* How long a packet waits in the queue of a device, and how long the driver takes to accept it. */
#include "kernel.h"
#include "hooks.h"
#include "histogram.h"
#include "rows.h"
#include "underway.h"

enum { DEPTH = 8 }; /* devices upon devices: the kernel allows as many */

struct latencies {
	struct histogram qdisc, netdev;
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLOTS); /* times the stripes */
	__type(key, __u32);
	__type(value, struct latencies);
} latencies SEC(".maps");

UNDERWAY(queued, 8192);

/* A driver is called with softirqs off, and calls that of the device below it before it returns. */
struct call {
	__u64 skb, device, since;
};
struct calls {
	__u32 depth;
	struct call calls[DEPTH];
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct calls);
} driver_calls SEC(".maps");

static __always_inline struct latencies *latencies_of(struct net_device *device, const bool typed)
{
	__u32 row = row_of(slot_of_device(device, typed));

	return bpf_map_lookup_elem(&latencies, &row);
}

static __always_inline struct calls *own_calls(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&driver_calls, &zero);
}

/* net_dev_queue(skb). What is split on its way out has other addresses then; the length tells a packet that took its
 * place from the one that was queued. */
static __always_inline void enqueued(__u64 *ctx, const bool typed)
{
	struct sk_buff *skb = (void *)ctx[0];
	__u64 key = ADDRESS(ctx[0]);

	begin(ways_of(queued, key), key, LOAD(skb, len), bpf_ktime_get_ns());
}

/* net_dev_start_xmit(skb, device) */
static __always_inline void handed_over(__u64 *ctx, const bool typed)
{
	struct sk_buff *skb = (void *)ctx[0];
	__u64 key = ADDRESS(ctx[0]), now = bpf_ktime_get_ns();
	__u64 since = end(ways_of(queued, key), key, LOAD(skb, len));
	struct calls *own = own_calls();

	if (since) {
		struct latencies *of = latencies_of((void *)ctx[1], typed);
		if (of)
			observe(&of->qdisc, elapsed(since, now));
	}
	if (!own)
		return;
	__u32 depth = own->depth & (DEPTH - 1);
	own->calls[depth].skb = key;
	own->calls[depth].device = ADDRESS(ctx[1]);
	own->calls[depth].since = now;
	own->depth = depth + 1;
}

/* net_dev_xmit(skb, result, device, length): the packet may be freed by now, its address is all that counts. */
static __always_inline void accepted(__u64 *ctx, const bool typed)
{
	struct calls *own = own_calls();

	if (!own)
		return;
	__u32 depth = (own->depth - 1) & (DEPTH - 1);
	struct call *call = &own->calls[depth];
	own->depth = depth;
	if (call->skb != ADDRESS(ctx[0]) || call->device != ADDRESS(ctx[2]))
		return;
	struct latencies *of = latencies_of((void *)ctx[2], typed);
	if (of)
		observe(&of->netdev, elapsed(call->since, bpf_ktime_get_ns()));
}

TRACEPOINT(net_dev_queue, enqueued)
TRACEPOINT(net_dev_start_xmit, handed_over)
TRACEPOINT(net_dev_xmit, accepted)

char LICENSE[] SEC("license") = "Dual BSD/GPL";
