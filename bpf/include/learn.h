/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What no type of the kernel tells, learned from files that user space holds open for the moment. */
#ifndef LEARN_H
#define LEARN_H

/* Descriptors of a TCP socket of each family, and of /proc/sys/net/netfilter/nf_conntrack_count; -1: none. */
int tcp_fd = -1, tcp6_fd = -1, conntrack_fd = -1;

static __always_inline struct file *file_of_fd(struct task_struct *task, int fd)
{
	struct file *file = NULL;
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	if (fd < 0 || (__u32)fd >= BPF_CORE_READ(table, max_fds))
		return NULL;
	bpf_probe_read_kernel(&file, sizeof(file), BPF_CORE_READ(table, fd) + fd);
	return file;
}

/* Each protocol counts its sockets under a number it got when it was registered. */
static __always_inline __s32 inuse_idx(struct task_struct *task, int fd)
{
	struct file *file = file_of_fd(task, fd);
	if (!file)
		return -1;
	struct socket *socket = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(socket, sk, __sk_common.skc_prot, inuse_idx);
}

__noinline __u64 nearer(__u32 id, __u64 generic, __u64 counter, __u64 nearest)
{
	__u64 own = 0;
	bpf_probe_read_kernel(&own, sizeof(own), (void *)(generic + id * 8));
	if (own <= nearest || own > counter || counter - own >= 256)
		return nearest;
	learned.conntrack_net_id = id;
	learned.conntrack_count_offset = counter - own;
	return own;
}

/* The sysctl points to the counter inside the memory that nf_conntrack has for this namespace: of all such pieces the
 * one that begins last before it. */
static __always_inline void learn_conntrack(struct task_struct *task)
{
	struct file *file = file_of_fd(task, conntrack_fd);
	learned.conntrack_net_id = -1;
	if (!file)
		return;
	__u64 inode = (__u64)BPF_CORE_READ(file, f_inode);
	struct proc_inode *proc = (void *)(inode - bpf_core_field_offset(struct proc_inode, vfs_inode));
	__u64 counter = (__u64)BPF_CORE_READ(proc, sysctl_entry, data), nearest = 0;
	struct net_generic *generic = BPF_CORE_READ(task, nsproxy, net_ns, gen);
	__u32 length = BPF_CORE_READ(generic, s.len);
	for (__u32 id = 1; id < 256 && id < length; id++)
		nearest = nearer(id, (__u64)generic, counter, nearest);
}

/* These run once after loading, by the task that will read; of the first two the one that the kernel can. */

SEC("raw_tp")
int offsets_by_map(__u64 *ctx __attribute__((unused)))
{
	__u64 offset;

	if (!bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_map_lookup_percpu_elem))
		return 1;
	for (__u32 cpu = 0; cpu < nr_cpus; cpu++)
		if (offset_by_map(cpu, &offset) || set_cpu_offset(cpu, offset))
			return 1;
	return 0;
}

SEC("raw_tp")
int offsets_by_symbol(__u64 *ctx __attribute__((unused)))
{
	__u64 offset;

	for (__u32 cpu = 0; cpu < nr_cpus; cpu++)
		if (offset_by_symbol(cpu, &offset) || set_cpu_offset(cpu, offset))
			return 1;
	return 0;
}

SEC("raw_tp")
int learn(__u64 *ctx __attribute__((unused)))
{
	struct task_struct *self = (void *)bpf_get_current_task();

	pid_level = BPF_CORE_READ(self, thread_pid, level);
	learned.tcp_inuse_idx = inuse_idx(self, tcp_fd);
	learned.tcp6_inuse_idx = inuse_idx(self, tcp6_fd);
	learn_conntrack(self);
	return 0;
}

#endif
