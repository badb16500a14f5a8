// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Packets that the kernel frees unread, by network namespace and reason. Which reasons are a loss user space decides.
 */
#include "kernel.h"
#include "hooks.h"
#include "rows.h"
#include "skb_netns.h"
#include "routine.h"

enum {
	COLUMN_OTHER = 0, /* a reason that user space did not find in the kernel's types */
	COLUMN_ROUTINE = 191, /* no reason, and nobody misses it */
	COLUMNS = 192,
	SUBSYSTEMS = 8,
};

/* Arguments after the place: the reason since 5.17, the receiving socket since 6.11. */
const volatile bool has_reason = false, has_rx_sk = false;
const volatile __u32 not_specified = 0;
/* A reason is a number and, in its upper half, the subsystem it is of; the core's are the first columns. Of each
 * subsystem: its first column, and how many. */
const volatile __u32 column_of_subsystem[SUBSYSTEMS] = {}, reasons_of_subsystem[SUBSYSTEMS] = {};

struct drops {
	__u64 by_column[COLUMNS];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLOTS); /* times the stripes */
	__type(key, __u32);
	__type(value, struct drops);
} drops SEC(".maps");

static __always_inline __u32 column_of(__u32 reason, __u64 *ctx)
{
	__u32 subsystem = reason >> 16, number = reason & 0xffff;

	if (reason == not_specified && is_routine(ctx))
		return COLUMN_ROUTINE;
	if (subsystem >= SUBSYSTEMS || number >= reasons_of_subsystem[subsystem])
		return COLUMN_OTHER;
	return column_of_subsystem[subsystem] + number;
}

static __always_inline void count_drop(__u64 *ctx, const bool typed)
{
	struct sk_buff *skb = (void *)ctx[0];
	struct sock *rx_sk = NULL;
	__u32 reason = not_specified;

	if (has_reason)
		reason = ctx[2];
	if (has_rx_sk)
		rx_sk = (void *)ctx[3];
	__u32 row = row_of(slot_of_skb(skb, rx_sk, typed));
	struct drops *counted = bpf_map_lookup_elem(&drops, &row);
	__u32 column = column_of(reason, ctx);
	if (column >= COLUMNS)
		column = COLUMN_OTHER;
	if (counted)
		count(&counted->by_column[column], 1);
}

TRACEPOINT(kfree_skb, count_drop)

char LICENSE[] SEC("license") = "Dual BSD/GPL";
