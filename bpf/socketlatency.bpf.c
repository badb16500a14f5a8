// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* How long data that a TCP socket could hand over waits for the application, and data of the application for its
 * transmission.
 *
 * One byte at a time is followed on each socket and in each direction: the last of what can be read when the socket
 * becomes readable, the first of a write. The next one is taken when that has been read or sent, so that neither data
 * that comes meanwhile nor reading by halves makes a wait look shorter or longer. */
#include "kernel.h"
#include <bpf/bpf_endian.h>
#include "hooks.h"
#include "inet.h"
#include "histogram.h"
#include "rows.h"
#include "underway.h"

struct latencies {
	struct histogram read, write;
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLOTS); /* times the stripes */
	__type(key, __u32);
	__type(value, struct latencies);
} latencies SEC(".maps");

UNDERWAY(unread, 4096);
UNDERWAY(unsent, 4096);

static __always_inline bool is_tcp(struct sock *sk, const bool typed)
{
	__u16 family = LOAD(sk, __sk_common.skc_family);

	return (family == AF_INET || family == AF_INET6) && LOAD(sk, sk_protocol) == IPPROTO_TCP;
}

static __always_inline struct latencies *latencies_of(struct sock *sk, const bool typed)
{
	__u32 row = row_of(slot_of_sock(sk, typed));

	return bpf_map_lookup_elem(&latencies, &row);
}

static __always_inline struct tcp_sock *as_tcp(struct sock *sk, const bool typed)
{
	return typed ? (void *)bpf_skc_to_tcp_sock(sk) : (void *)sk;
}

#include "socket_read.h"
#include "socket_write.h"

/* inet_sock_set_state(sk, from, to): the address may be another socket's next. */
static __always_inline void changed(__u64 *ctx, const bool typed)
{
	__u64 key = ADDRESS(ctx[0]);

	if ((__u32)ctx[2] != TCP_CLOSE)
		return;
	end(ways_of(unread, key), key, 0);
	end(ways_of(unsent, key), key, 0);
}

TRACEPOINT(sk_data_ready, readable)
FUNCTION(sock_def_readable, readable)
TRACEPOINT(tcp_rcv_space_adjust, was_read)
TRACEPOINT(tcp_sendmsg_locked, written)
FUNCTION(tcp_sendmsg_locked, written)
FUNCTION(__tcp_transmit_skb, transmitted)
TRACEPOINT(net_dev_queue, queued)
TRACEPOINT(inet_sock_set_state, changed)

char LICENSE[] SEC("license") = "Dual BSD/GPL";
