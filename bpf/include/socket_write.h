/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* From written to sent. */
#ifndef SOCKET_WRITE_H
#define SOCKET_WRITE_H

/* tcp_sendmsg_locked(sk, ..): nothing of this piece is in the queue yet. If nothing of the one before has got there
 * either, that call failed. */
static __always_inline void written(__u64 *ctx, const bool typed)
{
	struct sock *sk = (void *)ctx[0];
	__u64 key = ADDRESS(ctx[0]);
	struct underway_ways *ways = ways_of(unsent, key);
	struct underway *way = find(ways, key);
	struct tcp_sock *tcp = as_tcp(sk, typed);

	if (!tcp)
		return;
	__u32 first = LOAD(tcp, write_seq);
	if (!way || way->mark == first)
		begin(ways, key, first, bpf_ktime_get_ns());
}

static __always_inline void was_sent(struct sock *sk, __u64 key, __u32 end, const bool typed)
{
	struct underway *way = find(ways_of(unsent, key), key);

	if (!way || (__s32)(end - (__u32)way->mark) <= 0)
		return;
	struct latencies *of = latencies_of(sk, typed);
	way->key = 0;
	if (of)
		observe(&of->write, elapsed(way->since, bpf_ktime_get_ns()));
}

/* __tcp_transmit_skb(sk, skb, ..) */
static __always_inline void transmitted(__u64 *ctx, const bool typed)
{
	struct sk_buff *skb = (void *)ctx[1];
	struct tcp_skb_cb *cb = (void *)skb + bpf_core_field_offset(struct sk_buff, cb);

	was_sent((void *)ctx[0], ADDRESS(ctx[0]), BPF_CORE_READ(cb, end_seq), typed);
}

/* net_dev_queue(skb), where functions cannot be hooked: the segment on its way to a device. In a tunnel the header is
 * another one by then, which its ports tell. */
static __always_inline void queued(__u64 *ctx, const bool typed)
{
	struct sk_buff *skb = (void *)ctx[0];
	struct sock *sk = LOAD(skb, sk);
	struct tcp_header header;
	__u8 state;

	if (!sk)
		return;
	state = LOAD(sk, __sk_common.skc_state);
	if (state == TCP_NEW_SYN_RECV || state == TCP_TIME_WAIT || !is_tcp(sk, typed))
		return;
	__u32 offset = LOAD(skb, head) + LOAD(skb, transport_header) - LOAD(skb, data);
	if (bpf_probe_read_kernel(&header, sizeof(header), LOAD(skb, data) + offset))
		return;
	if (header.source != bpf_htons(LOAD(sk, __sk_common.skc_num)) || header.dest != LOAD(sk, __sk_common.skc_dport))
		return;
	__u32 payload = LOAD(skb, len) - offset - (header.words >> 4) * 4;
	was_sent(sk, ADDRESS(sk), bpf_ntohl(header.seq) + payload, typed);
}

#endif
