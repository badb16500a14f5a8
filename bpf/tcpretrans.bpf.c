// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* TCP segments sent again, by network namespace and cause. */
#include "kernel.h"
#include "hooks.h"
#include "inet.h"
#include "rows.h"

enum { TCP_CA_RECOVERY = 3, TCP_CA_LOSS = 4 };

enum cause {
	RETRANS_SYN, /* no answer to a connection request */
	RETRANS_SYNACK, /* none to its acceptance */
	RETRANS_TIMEOUT, /* no acknowledgement in time */
	RETRANS_FAST, /* later segments were acknowledged */
	RETRANS_OTHER, /* a probe for a lost tail, a change of the path's MTU */
	RETRANS_CAUSES,
};

struct retransmits {
	__u64 by_cause[RETRANS_CAUSES];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__type(value, struct retransmits);
} retransmits SEC(".maps");

/* Whether the third argument, the error with which sending failed, is there; before 6.16 the hook is called after
 * success only. */
const volatile bool has_error = false;

static __always_inline void count_segments(__u32 slot, enum cause cause, __u64 segments)
{
	struct retransmits *counted = bpf_map_lookup_elem(&retransmits, &slot);

	if (counted)
		count(&counted->by_cause[cause], segments);
}

static __always_inline enum cause cause_of(struct sock *sk)
{
	struct inet_connection_sock *connection = (void *)sk;
	__u8 state = BPF_CORE_READ(sk, __sk_common.skc_state);
	__u8 avoidance = BPF_CORE_READ_BITFIELD_PROBED(connection, icsk_ca_state);

	if (state == TCP_SYN_SENT)
		return RETRANS_SYN;
	if (avoidance == TCP_CA_LOSS)
		return RETRANS_TIMEOUT;
	return avoidance == TCP_CA_RECOVERY ? RETRANS_FAST : RETRANS_OTHER;
}

/* tcp_retransmit_skb(sk, skb, error): a packet of several segments when the device splits them. */
static __always_inline void sent_again(__u64 *ctx, const bool typed)
{
	struct sock *sk = (void *)ctx[0];
	struct sk_buff *skb = (void *)ctx[1];

	if (has_error && (__s32)ctx[2])
		return;
	struct tcp_skb_cb *cb = (void *)skb + bpf_core_field_offset(struct sk_buff, cb);
	__u16 segments = BPF_CORE_READ(cb, tcp_gso_segs);
	count_segments(slot_of_sock(sk, typed), cause_of(sk), segments ?: 1);
}

static __always_inline void accepted_again(__u64 *ctx, const bool typed)
{
	count_segments(slot_of_sock((void *)ctx[0], typed), RETRANS_SYNACK, 1);
}

RAW_TRACEPOINT(tcp_retransmit_skb, sent_again)
RAW_TRACEPOINT(tcp_retransmit_synack, accepted_again)

char LICENSE[] SEC("license") = "Dual BSD/GPL";
