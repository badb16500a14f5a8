/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Which row of its maps a probe counts a network namespace in.
 *
 * User space gives every namespace it knows a small number, its slot, and all counters are arrays by slot: counting
 * needs one lookup, allocates nothing and cannot find a map full. Slots are given again, see slots.rs. */
#ifndef SLOTS_H
#define SLOTS_H

#include "netns.h"

#define BY_INODE (1ULL << 63)

enum {
	SLOT_UNKNOWN = 0, /* of no namespace that user space knows */
	SLOT_FULL = 1, /* user space knows the namespace and had no slot left */
	SLOTS = 512,
};

struct known_netns {
	__u32 slot;
	__u32 inode;
};

/* By cookie; by inode, marked as such, where user space or the kernel has no cookies. One map for all probes: user
 * space makes it. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2 * SLOTS);
	__type(key, __u64);
	__type(value, struct known_netns);
} known_netns SEC(".maps");

/* A function of its own, so that the verifier goes through it once. */
__noinline __u32 slot_by_inode(__u32 inode)
{
	__u64 key = BY_INODE | inode;
	struct known_netns *known = bpf_map_lookup_elem(&known_netns, &key);

	return known && known->slot < SLOTS ? known->slot : SLOT_UNKNOWN;
}

static __always_inline __u32 slot_by(__u64 cookie, __u32 inode)
{
	struct known_netns *known = bpf_map_lookup_elem(&known_netns, &cookie);

	if (!known)
		return slot_by_inode(inode);
	return known->inode == inode && known->slot < SLOTS ? known->slot : SLOT_UNKNOWN;
}

/* What is no namespace at all is told by a cookie nobody knows; should one match by chance, by its inode. */
__noinline __u32 slot_at(__u64 address)
{
	struct net *net = (void *)address;
	struct net___cookie *with_cookie = (void *)address;
	__u32 inode = BPF_CORE_READ(net, ns.inum);

	if (bpf_core_field_exists(with_cookie->net_cookie))
		return slot_by(BPF_CORE_READ(with_cookie, net_cookie), inode);
	return slot_by(inode, inode);
}

static __always_inline __u32 slot_of_net(struct net *net, const bool typed)
{
	if (!net)
		return SLOT_UNKNOWN;
	return typed ? slot_by(netns_cookie(net), net->ns.inum) : slot_at((__u64)net);
}

static __always_inline __u32 slot_of_device(struct net_device *device, const bool typed)
{
	return device ? slot_of_net(LOAD(device, nd_net.net), typed) : SLOT_UNKNOWN;
}

/* Requests and TIME_WAIT sockets begin with the same fields as full ones. */
static __always_inline __u32 slot_of_sock(const struct sock *sk, const bool typed)
{
	return sk ? slot_of_net(LOAD(sk, __sk_common.skc_net.net), typed) : SLOT_UNKNOWN;
}

#endif
