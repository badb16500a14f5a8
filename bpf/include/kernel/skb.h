/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef KERNEL_SKB_H
#define KERNEL_SKB_H

struct netdev_queue {
	struct net_device *dev;
};
struct net_device {
	struct netdev_queue *_tx; /* at least one */
	possible_net_t nd_net;
};
struct sk_buff {
	struct net_device
		*dev; /* the third word of a union: a number or a tree link while some queue owns the packet */
	struct sock *sk;
	long long tstamp;
	char cb[48];
	unsigned long _skb_refdst; /* the lowest bit: not counted */
	unsigned int len;
	__be16 protocol;
	__u16 transport_header, network_header;
	unsigned char *head, *data;
};
struct tcp_skb_cb {
	__u32 end_seq;
	__u16 tcp_gso_segs;
};
struct dst_entry {
	struct net_device *dev;
};
struct rtable {
	__u16 rt_type;
};
struct rt6_info {
	__u32 rt6i_flags;
};

#endif
