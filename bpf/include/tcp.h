/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* States and queues of TCP sockets, as /proc/<pid>/net/tcp shows them. */
#ifndef TCP_H
#define TCP_H

#include "inet.h"

/* Requests in one call, and calls: the verifier follows each loop to its end, but a function only once. */
enum { REQUESTS_PER_CALL = 64, MAX_REQUEST_CALLS = 1024 };

struct files_record out;

static __always_inline void count_state(__u8 state)
{
	if (state == TCP_ESTABLISHED)
		out.established++;
	else if (state == TCP_CLOSE_WAIT)
		out.close_wait++;
	else if (state == TCP_SYN_SENT)
		out.syn_sent++;
	else if (state == TCP_SYN_RECV)
		out.syn_recv++;
}

/* Sequence numbers wrap; what is read has not to be in order, as the socket is not locked. */
static __always_inline void add_queues(__u32 write_seq, __u32 snd_una, __u32 rcv_nxt, __u32 copied_seq)
{
	__s32 unread = rcv_nxt - copied_seq;

	out.tx_queue += write_seq - snd_una;
	if (unread > 0)
		out.rx_queue += unread;
}

/* One connection that waits in the accept queue. Returns the next one. A request that is accepted meanwhile can have
 * become that of another listener. */
static __always_inline __u64 add_request(struct request_sock *request, __u64 listener)
{
	if ((__u64)BPF_CORE_READ(request, __req_common.skc_listener) != listener)
		return 0;
	struct sock *child = BPF_CORE_READ(request, sk);
	if (child) {
		struct tcp_sock *tcp = (void *)child;
		__u8 state = BPF_CORE_READ(child, __sk_common.skc_state);
		count_state(state);
		if (state == TCP_ESTABLISHED)
			add_queues(BPF_CORE_READ(tcp, write_seq), BPF_CORE_READ(tcp, snd_una),
				   BPF_CORE_READ(tcp, rcv_nxt), BPF_CORE_READ(tcp, copied_seq));
	}
	return (__u64)BPF_CORE_READ(request, dl_next);
}

__noinline __u64 add_requests(__u64 request, __u64 listener)
{
	for (int i = 0; i < REQUESTS_PER_CALL && request; i++)
		request = add_request((void *)request, listener);
	return request;
}

/* The listener holds what no process has a descriptor of: connections not yet accepted, and the number of those that
 * are still shaking hands. */
static __always_inline void add_listener(struct sock *sk, struct tcp_sock *tcp)
{
	__u64 listener = as_number(sk);
	__u64 request = as_number(tcp->inet_conn.icsk_accept_queue.rskq_accept_head);

	out.syn_recv += tcp->inet_conn.icsk_accept_queue.qlen.counter;
	for (int i = 0; i < MAX_REQUEST_CALLS && request; i++)
		request = add_requests(request, listener);
	if (request)
		out.cut++;
}

static __always_inline void add_tcp(struct sock *sk, struct tcp_sock *tcp)
{
	__u8 state = sk->__sk_common.skc_state;

	if (state == TCP_LISTEN) {
		add_listener(sk, tcp);
		return;
	}
	count_state(state);
	if (state == TCP_ESTABLISHED)
		add_queues(tcp->write_seq, tcp->snd_una, tcp->rcv_nxt, tcp->copied_seq);
}

#endif
