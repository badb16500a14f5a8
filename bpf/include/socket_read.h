/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* From readable to read. */
#ifndef SOCKET_READ_H
#define SOCKET_READ_H

/* Where readable data ends. A FIN takes a sequence number that nobody reads. */
static __always_inline __u32 received_end(struct tcp_sock *tcp, __u8 state, const bool typed)
{
	bool fin = state == TCP_CLOSE_WAIT || state == TCP_LAST_ACK || state == TCP_CLOSING || state == TCP_TIME_WAIT;

	return LOAD(tcp, rcv_nxt) - fin;
}

/* sk_data_ready(sk), sock_def_readable(sk): of all kinds of sockets, and not only when there is something new. */
static __always_inline void readable(__u64 *ctx, const bool typed)
{
	struct sock *sk = (void *)ctx[0];
	__u64 key = ADDRESS(ctx[0]);
	__u8 state = LOAD(sk, __sk_common.skc_state);

	if (!is_tcp(sk, typed) || state == TCP_LISTEN || state == TCP_CLOSE)
		return;
	struct underway_ways *ways = ways_of(unread, key);
	struct underway *way = find(ways, key);
	struct tcp_sock *tcp = as_tcp(sk, typed);
	if (!tcp || (way && way->since))
		return;
	__u32 end = received_end(tcp, state, typed);
	__u32 known = way ? way->mark : LOAD(tcp, copied_seq);
	if ((__s32)(end - known) > 0)
		begin(ways, key, end, bpf_ktime_get_ns());
}

/* tcp_rcv_space_adjust(sk): after every piece that was copied. What is left has been there before: until something
 * new comes, nothing is followed. */
static __always_inline void was_read(__u64 *ctx, const bool typed)
{
	struct sock *sk = (void *)ctx[0];
	__u64 key = ADDRESS(ctx[0]);
	struct underway *way = find(ways_of(unread, key), key);

	if (!way)
		return;
	struct tcp_sock *tcp = as_tcp(sk, typed);
	if (!tcp)
		return;
	__u32 copied = LOAD(tcp, copied_seq), end = received_end(tcp, LOAD(sk, __sk_common.skc_state), typed);
	if (way->since && (__s32)(copied - (__u32)way->mark) >= 0) {
		struct latencies *of = latencies_of(sk, typed);
		if (of)
			observe(&of->read, elapsed(way->since, bpf_ktime_get_ns()));
		way->since = 0;
		way->mark = end;
	}
	if (copied == end)
		way->key = 0;
}

#endif
