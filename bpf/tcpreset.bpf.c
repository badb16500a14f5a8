// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* TCP resets sent and received, by network namespace and kind. */
#include "kernel.h"
#include "hooks.h"
#include "inet.h"
#include "rows.h"
#include "skb_netns.h"

enum { RTN_LOCAL = 2, RTF_LOCAL = 0x80000000 };

enum kind {
	RESET_NOSOCK, /* answers a segment for which there is no socket */
	RESET_PROCESS, /* a socket answers a segment that it does not expect */
	RESET_ACTIVE, /* this side gives the connection up */
	RESET_RECEIVE,
	RESET_KINDS,
};

struct resets {
	__u64 by_kind[RESET_KINDS];
};

/* Resets are rare: one row for all CPUs. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__type(value, struct resets);
} resets SEC(".maps");

static __always_inline void count_reset(__u32 slot, enum kind kind)
{
	struct resets *counted = bpf_map_lookup_elem(&resets, &slot);

	if (counted)
		count(&counted->by_kind[kind], 1);
}

/* tcp_send_reset(sk, skb, ..): `skb` is what is answered, none if nothing is. */
static __always_inline void sent(__u64 *ctx, const bool typed)
{
	struct sock *sk = (void *)ctx[0];
	struct sk_buff *skb = (void *)ctx[1];

	if (!skb)
		count_reset(slot_of_sock(sk, typed), RESET_ACTIVE);
	else if (sk)
		count_reset(slot_of_sock(sk, typed), RESET_PROCESS);
	else
		count_reset(slot_of_skb(skb, NULL, typed), RESET_NOSOCK);
}

static __always_inline void received(__u64 *ctx, const bool typed)
{
	count_reset(slot_of_sock((void *)ctx[0], typed), RESET_RECEIVE);
}

/* Before 6.10, what the tracepoint leaves out: without a socket, and with what is left of one in TIME_WAIT or during
 * the handshake. The functions send nothing in answer to a reset, nor without a socket to what was not for one address
 * of this host. */
static __always_inline bool is_told(__u64 *ctx, const bool typed)
{
	struct sock *sk = (void *)ctx[0];

	if (!sk)
		return false;
	__u8 state = LOAD(sk, __sk_common.skc_state);
	return state != TCP_TIME_WAIT && state != TCP_NEW_SYN_RECV;
}

static __always_inline bool is_reset(struct sk_buff *skb, const bool typed)
{
	struct tcp_header header;
	void *at = (void *)LOAD(skb, head) + LOAD(skb, transport_header);

	return bpf_probe_read_kernel(&header, sizeof(header), at) || header.flags & TCP_FLAG_BYTE_RST;
}

static __always_inline void answered_v4(__u64 *ctx, const bool typed)
{
	struct sk_buff *skb = (void *)ctx[1];
	struct rtable *route = (void *)(LOAD(skb, _skb_refdst) & ~1UL);

	if (is_told(ctx, typed) || is_reset(skb, typed))
		return;
	if (ctx[0] || (route && BPF_CORE_READ(route, rt_type) == RTN_LOCAL))
		sent(ctx, typed);
}

static __always_inline void answered_v6(__u64 *ctx, const bool typed)
{
	struct sk_buff *skb = (void *)ctx[1];
	struct rt6_info *route = (void *)(LOAD(skb, _skb_refdst) & ~1UL);

	if (is_told(ctx, typed) || is_reset(skb, typed))
		return;
	if (ctx[0] || (route && BPF_CORE_READ(route, rt6i_flags) & RTF_LOCAL))
		sent(ctx, typed);
}

RAW_TRACEPOINT(tcp_send_reset, sent)
RAW_TRACEPOINT(tcp_receive_reset, received)
FUNCTION(tcp_v4_send_reset, answered_v4)
FUNCTION(tcp_v6_send_reset, answered_v6)

char LICENSE[] SEC("license") = "Dual BSD/GPL";
