/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Numbers of protocols and of TCP states, which user space sees as well and which therefore do not change. */
#ifndef INET_H
#define INET_H

enum { AF_INET = 2, AF_INET6 = 10, IPPROTO_TCP = 6, IPPROTO_ICMPV6 = 58 };
enum {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT,
	TCP_SYN_RECV,
	TCP_FIN_WAIT1,
	TCP_FIN_WAIT2,
	TCP_TIME_WAIT,
	TCP_CLOSE,
	TCP_CLOSE_WAIT,
	TCP_LAST_ACK,
	TCP_LISTEN,
	TCP_CLOSING,
	TCP_NEW_SYN_RECV,
};

/* As it is on the wire. */
struct tcp_header {
	__be16 source, dest;
	__be32 seq, ack_seq;
	__u8 words; /* of this header, in the upper half */
	__u8 flags;
};
enum { TCP_FLAG_BYTE_FIN = 1, TCP_FLAG_BYTE_RST = 4 };
struct ip_header {
	__u8 words; /* of this header, in the lower half */
	__u8 tos;
	__be16 length;
	__be32 fragment;
	__u8 ttl, protocol;
};
struct ip6_header {
	__be32 flow;
	__be16 payload;
	__u8 next, hops, source[16], destination[16];
};
enum { ETH_P_IP = 0x0800, ETH_P_IPV6 = 0x86dd };

#endif
