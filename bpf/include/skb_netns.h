/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Which network namespace a packet is in. */
#ifndef SKB_NETNS_H
#define SKB_NETNS_H

#include "slots.h"

/* Whether this is a device: its queues say so. What stands in its place leads to other memory, and from there now and
 * then to a true namespace that has nothing to do with the packet (seen with a pruned queue). */
static __always_inline bool is_device(struct net_device *device, const bool typed)
{
	struct netdev_queue *queue = LOAD(device, _tx);

	return queue && LOAD(queue, dev) == device;
}

static __always_inline __u32 slot_of_doubtful(struct net_device *device, const bool typed)
{
	return device && is_device(device, typed) ? slot_of_device(device, typed) : SLOT_UNKNOWN;
}

/* The task that runs has nothing to do with it. The device comes first and is often gone: TCP clears it, the queue of
 * a UDP socket keeps numbers in its place, the retransmit and out-of-order queues of TCP a link of their tree. Only the
 * device is worth a typed load: those cost the verifier time. `rx_sk` is the receiving socket where the hook tells it.
 */
static __always_inline __u32 slot_of_skb(struct sk_buff *skb, const struct sock *rx_sk, const bool typed)
{
	__u32 slot = slot_of_doubtful(LOAD(skb, dev), typed);

	if (slot == SLOT_UNKNOWN)
		slot = slot_of_sock(BPF_CORE_READ(skb, sk), false);
	if (slot == SLOT_UNKNOWN)
		slot = slot_of_sock(rx_sk, typed);
	if (slot == SLOT_UNKNOWN) {
		struct dst_entry *dst = (void *)(BPF_CORE_READ(skb, _skb_refdst) & ~1UL);
		if (dst)
			slot = slot_of_doubtful(BPF_CORE_READ(dst, dev), false);
	}
	return slot;
}

#endif
