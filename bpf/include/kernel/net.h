/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef KERNEL_NET_H
#define KERNEL_NET_H

struct tcp_mib {
	unsigned long mibs[1];
};
struct udp_mib {
	unsigned long mibs[1];
};
struct linux_mib {
	unsigned long mibs[1];
};
struct ipstats_mib {
	__u64 mibs[1];
};
struct netns_mib {
	struct tcp_mib *tcp_statistics;
	struct udp_mib *udp_statistics;
	struct udp_mib *udp_stats_in6;
	struct ipstats_mib *ip_statistics;
	struct ipstats_mib *ipv6_statistics;
	struct linux_mib *net_statistics;
};
struct inet_timewait_death_row {
	refcount_t tw_refcount; /* one more than the sockets; since 5.19 */
};
struct inet_timewait_death_row___count {
	atomic_t tw_count; /* before */
};
struct ipv4_devconf {
	int data[1];
};
struct netns_ipv4 {
	struct inet_timewait_death_row tcp_death_row;
	struct ipv4_devconf *devconf_all;
	__u8 sysctl_ip_default_ttl;
};
struct netns_ipv4___pointer {
	struct inet_timewait_death_row *tcp_death_row; /* for a few releases only */
};
struct netns_ipv4___count {
	struct inet_timewait_death_row___count tcp_death_row;
};
struct prot_inuse {
	int val[1];
};
struct netns_core {
	struct prot_inuse *prot_inuse;
};
struct ip_conntrack_stat {
	unsigned int found, invalid, ignore, insert, insert_failed, drop, early_drop, error, search_restart;
};
struct netns_ct {
	struct ip_conntrack_stat *stat;
};
struct net_generic {
	struct {
		unsigned int len;
	} s;
	void *ptr[1];
};
struct ns_common {
	unsigned int inum;
};
struct net {
	struct ns_common ns;
	struct netns_core core;
	struct netns_mib mib;
	struct netns_ipv4 ipv4;
	struct netns_ct ct;
	struct net_generic *gen;
};
struct net___cookie {
	__u64 net_cookie; /* since 5.12; an atomic64_t of its own in 5.7 to 5.11 */
};
typedef struct {
	struct net *net;
} possible_net_t;

#endif
