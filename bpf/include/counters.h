/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The counters of one namespace, summed over the CPUs as /proc/<pid>/net/{snmp,snmp6,netstat} does. */
#ifndef COUNTERS_H
#define COUNTERS_H

#include "gauges.h"

/* Which counters of each table, by the numbers the running kernel gives them. */
const volatile __u32 pick_counts[TABLES] = {};
const volatile __u16 picks[TABLES][MAX_PICKS] = {};
/* Where the cells of each table begin, and the end of all. */
const volatile __u32 cells_at[TABLES] = {};
const volatile __u32 cell_count = 0;

__u64 words[MAX_WORDS];
__u64 tables[TABLES], conntrack_stat, prot_inuse;

/* Adds what one CPU has counted of a table. A function of its own is verified once, and not once for each call. */
__noinline int add_table(__u32 table, __u64 address, __u32 bytes)
{
	if (table >= TABLES || bytes > sizeof(words) || bpf_probe_read_kernel(words, bytes, (void *)address))
		return -1;
	__u32 count = pick_counts[table], at = cells_at[table];
	for (__u32 i = 0; i < MAX_PICKS && i < count; i++) {
		__u32 word = picks[table][i], cell = at + i;
		if (word < MAX_WORDS && cell < MAX_CELLS)
			netns_out.cells[cell] += words[word];
	}
	return 0;
}

#define ADD_TABLE(table, type)                                                                                         \
	if (tables[table] && pick_counts[table]) {                                                                     \
		__u32 bytes = bpf_core_field_size(((struct type *)0)->mibs);                                           \
		add_table(table, tables[table] + offset, bytes < sizeof(words) ? bytes : sizeof(words));               \
	}

#define ADD_CONNTRACK(cell, field)                                                                                     \
	if (bpf_core_field_exists(struct ip_conntrack_stat, field))                                                    \
		netns_out.conntrack[cell] +=                                                                           \
			*(__u32 *)((char *)words + bpf_core_field_offset(struct ip_conntrack_stat, field));

static __always_inline __s32 inuse_on(__u64 offset, __s32 idx)
{
	__s32 count = 0;
	bpf_probe_read_kernel(&count, sizeof(count),
			      (void *)(prot_inuse + offset + bpf_core_field_offset(struct prot_inuse, val) + idx * 4));
	return count;
}

__noinline int add_cpu(__u32 cpu)
{
	__u64 offset = cpu_offset(cpu);

	ADD_TABLE(TCP, tcp_mib)
	ADD_TABLE(UDP, udp_mib)
	ADD_TABLE(UDP6, udp_mib)
	ADD_TABLE(IP, ipstats_mib)
	ADD_TABLE(IP6, ipstats_mib)
	ADD_TABLE(TCPEXT, linux_mib)
	__u32 size = bpf_core_type_size(struct ip_conntrack_stat);
	if (conntrack_stat && size <= sizeof(words) &&
	    !bpf_probe_read_kernel(words, size, (void *)(conntrack_stat + offset))) {
		ADD_CONNTRACK(0, found)
		ADD_CONNTRACK(1, invalid)
		ADD_CONNTRACK(2, ignore)
		ADD_CONNTRACK(3, insert)
		ADD_CONNTRACK(4, insert_failed)
		ADD_CONNTRACK(5, drop)
		ADD_CONNTRACK(6, early_drop)
		ADD_CONNTRACK(7, error)
		ADD_CONNTRACK(8, search_restart)
	}
	if (prot_inuse && learned.tcp_inuse_idx >= 0)
		netns_out.tcp_inuse += inuse_on(offset, learned.tcp_inuse_idx);
	if (prot_inuse && learned.tcp6_inuse_idx >= 0)
		netns_out.tcp6_inuse += inuse_on(offset, learned.tcp6_inuse_idx);
	return 0;
}

static __always_inline __u32 netns_size(void)
{
	return __builtin_offsetof(struct netns_record, cells) + (cell_count < MAX_CELLS ? cell_count : MAX_CELLS) * 8;
}

static __always_inline void read_netns(struct net *net, __u64 cookie, __u32 inode)
{
	/* Zeros to copy: a loop over the cells would cost the verifier and the CPU more. */
	static const struct netns_record empty;
	bpf_probe_read_kernel(&netns_out, netns_size(), &empty);
	netns_out.kind = RECORD_NETNS;
	netns_out.cookie = cookie;
	netns_out.inode = inode;
	tables[TCP] = as_number(net->mib.tcp_statistics);
	tables[UDP] = as_number(net->mib.udp_statistics);
	tables[UDP6] = as_number(net->mib.udp_stats_in6);
	tables[IP] = as_number(net->mib.ip_statistics);
	tables[IP6] = as_number(net->mib.ipv6_statistics);
	tables[TCPEXT] = as_number(net->mib.net_statistics);
	conntrack_stat = prot_inuse = 0;
	if (learned.conntrack_net_id >= 0 && bpf_core_field_exists(net->ct.stat))
		conntrack_stat = as_number(net->ct.stat);
	if (bpf_core_type_exists(struct prot_inuse))
		prot_inuse = as_number(net->core.prot_inuse);
	for (__u32 cpu = 0; cpu < nr_cpus; cpu++)
		add_cpu(cpu);
	if (conntrack_stat)
		netns_out.has |= NETNS_CONNTRACK;
	if (prot_inuse && learned.tcp_inuse_idx >= 0)
		netns_out.has |= NETNS_TCP_INUSE;
	if (prot_inuse && learned.tcp6_inuse_idx >= 0)
		netns_out.has |= NETNS_TCP6_INUSE;
	read_time_wait(net);
	read_conntrack_entries(net);
	read_ip_settings(net);
	netns_out.size = netns_size();
}

#endif
