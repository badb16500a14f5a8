/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef KERNEL_SOCK_H
#define KERNEL_SOCK_H

struct proto {
	int inuse_idx;
};
struct sock_common {
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	struct proto *skc_prot;
	possible_net_t skc_net;
	struct sock *skc_listener; /* of a request: shares its place with skc_flags */
};
struct sock {
	struct sock_common __sk_common;
	__u16 sk_protocol; /* eight bits of a larger word before 5.6 */
};
struct socket {
	struct sock *sk;
};
struct request_sock {
	struct sock_common __req_common;
	struct request_sock *dl_next;
	struct sock *sk;
};
struct request_sock_queue {
	atomic_t qlen;
	struct request_sock *rskq_accept_head;
};
struct inet_connection_sock {
	struct request_sock_queue icsk_accept_queue;
	__u8 icsk_ca_state : 5;
};
struct tcp_sock {
	struct inet_connection_sock inet_conn;
	__u32 copied_seq, rcv_nxt, snd_una, write_seq;
};

#endif
