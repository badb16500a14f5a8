/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Packets that are freed without a reason, and that nobody misses. */
#ifndef ROUTINE_H
#define ROUTINE_H

#include <bpf/bpf_endian.h>
#include "inet.h"

enum { PLACES = 32, IP6_MULTICAST = 0xff, DISCOVERY_FIRST = 133, DISCOVERY_LAST = 137 };

/* Functions that free what nobody wants any more, in a map of their own that is filled while the programs run. Empty
 * where the kernel does not tell its symbols. */
struct place {
	__u64 start, length;
};
struct place routine_places[PLACES] SEC(".bss.places");

static __always_inline bool is_routine_place(__u64 place)
{
	for (int i = 0; i < PLACES && routine_places[i].length; i++)
		if (place - routine_places[i].start < routine_places[i].length)
			return true;
	return false;
}

/* The end of a TCP stream, and no data with it. Every connection closed in order has one that is freed without a
 * reason: in the receive queue of a socket that closes (until 6.2), or after it has done its work in TIME_WAIT. */
static __always_inline bool is_bare_fin(struct sk_buff *skb, unsigned char *head, __u32 length)
{
	struct tcp_header tcp;

	if (bpf_probe_read_kernel(&tcp, sizeof(tcp), head + BPF_CORE_READ(skb, transport_header)))
		return false;
	return tcp.flags & TCP_FLAG_BYTE_FIN && length == (tcp.words >> 4) * 4;
}

/* Until 6.1 the kernel frees these without a reason after it has acted upon them. */
static __always_inline bool is_neighbour_discovery(unsigned char *at)
{
	__u8 type = 0;

	bpf_probe_read_kernel(&type, sizeof(type), at + sizeof(struct ip6_header));
	return type >= DISCOVERY_FIRST && type <= DISCOVERY_LAST;
}

__noinline bool is_routine_packet(__u64 address)
{
	struct sk_buff *skb = (void *)address;
	unsigned char *head = BPF_CORE_READ(skb, head), *at = head + BPF_CORE_READ(skb, network_header);
	__u16 protocol = BPF_CORE_READ(skb, protocol);

	if (protocol == bpf_htons(ETH_P_IP)) {
		struct ip_header ip;
		if (bpf_probe_read_kernel(&ip, sizeof(ip), at) || ip.protocol != IPPROTO_TCP)
			return false;
		return is_bare_fin(skb, head, bpf_ntohs(ip.length) - (ip.words & 15) * 4);
	}
	if (protocol == bpf_htons(ETH_P_IPV6)) {
		struct ip6_header ip;
		if (bpf_probe_read_kernel(&ip, sizeof(ip), at))
			return false;
		/* Neighbours talk to groups all the time; who is in none of them has nothing to read. */
		if (ip.destination[0] == IP6_MULTICAST)
			return true;
		if (ip.next == IPPROTO_ICMPV6)
			return is_neighbour_discovery(at);
		return ip.next == IPPROTO_TCP && is_bare_fin(skb, head, bpf_ntohs(ip.payload));
	}
	return false;
}

static __always_inline bool is_routine(__u64 *ctx)
{
	__u64 skb;

	/* A pointer becomes a number. */
	bpf_probe_read_kernel(&skb, sizeof(skb), &ctx[0]);
	return is_routine_packet(skb) || is_routine_place(ctx[1]);
}

#endif
