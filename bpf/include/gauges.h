/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The numbers of a namespace that are not per-CPU counters, computed as /proc shows them. */
#ifndef GAUGES_H
#define GAUGES_H

/* What no type of the kernel says; see learn.h. */
struct learned {
	__s32 tcp_inuse_idx, tcp6_inuse_idx; /* -1: unknown */
	__s32 conntrack_net_id, conntrack_count_offset;
};
struct learned learned = { -1, -1, -1, -1 };

/* One reader at a time, so one of these is enough. Not static: the compiler would take it to pieces that its own type
 * information does not describe, and the kernel would refuse that. */
struct netns_record netns_out;

static __always_inline void read_time_wait(struct net *net)
{
	struct netns_ipv4 *ipv4 = &net->ipv4;
	struct netns_ipv4___pointer *pointed = (void *)ipv4;
	struct netns_ipv4___count *counted = (void *)ipv4;

	netns_out.has |= NETNS_TIME_WAIT;
	if (bpf_core_field_exists(pointed->tcp_death_row)) {
		struct inet_timewait_death_row *row = pointed->tcp_death_row;
		struct inet_timewait_death_row___count *old = (void *)row;
		if (bpf_core_field_exists(row->tw_refcount))
			netns_out.time_wait = row->tw_refcount.refs.counter - 1;
		else
			netns_out.time_wait = old->tw_count.counter;
	} else if (bpf_core_field_exists(ipv4->tcp_death_row.tw_refcount)) {
		netns_out.time_wait = ipv4->tcp_death_row.tw_refcount.refs.counter - 1;
	} else {
		netns_out.time_wait = counted->tcp_death_row.tw_count.counter;
	}
}

/* nf_conntrack keeps its number of entries in memory of its own, found by its number among those of the namespace. */
static __always_inline void read_conntrack_entries(struct net *net)
{
	__s32 id = learned.conntrack_net_id;
	__u64 generic = as_number(net->gen), own = 0;

	if (id < 0 || (__u32)id >= net->gen->s.len)
		return;
	bpf_probe_read_kernel(&own, sizeof(own), (void *)(generic + id * 8));
	if (own &&
	    !bpf_probe_read_kernel(&netns_out.conntrack_entries, 4, (void *)(own + learned.conntrack_count_offset)))
		netns_out.has |= NETNS_CONNTRACK_ENTRIES;
}

static __always_inline void read_ip_settings(struct net *net)
{
	netns_out.ip_default_ttl = net->ipv4.sysctl_ip_default_ttl;
	/* data[0] is IPV4_DEVCONF_FORWARDING; /proc shows it as the MIB has it. */
	netns_out.ip_forwarding = net->ipv4.devconf_all->data[0] ? 1 : 2;
	netns_out.has |= NETNS_IP_SETTINGS;
}

#endif
