/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef KERNEL_TASK_H
#define KERNEL_TASK_H

struct nsproxy {
	struct net *net_ns;
};
struct kernfs_node {
	const char *name;
	__u64 id;
};
struct kernfs_node___parent {
	struct kernfs_node *parent; /* until 6.14 */
};
struct kernfs_node___rcu_parent {
	struct kernfs_node *__parent;
};
struct cgroup_root {
	int hierarchy_id;
};
struct cgroup {
	struct kernfs_node *kn;
	struct cgroup_root *root;
};
struct cgroup_subsys_state {
	struct cgroup *cgroup;
};
/* Which number a controller has depends on the configuration of the kernel. */
enum cgroup_subsys_id { memory_cgrp_id = 4 };
struct css_set {
	struct cgroup_subsys_state *subsys[32];
	struct cgroup *dfl_cgrp;
};
struct task_io_accounting {
	__u64 rchar, wchar, syscr, syscw; /* CONFIG_TASK_XACCT */
	__u64 read_bytes, write_bytes, cancelled_write_bytes; /* CONFIG_TASK_IO_ACCOUNTING */
};
struct seqcount {
	unsigned int sequence;
};
typedef struct seqcount seqcount_t;
struct seqcount_spinlock {
	seqcount_t seqcount;
};
typedef struct seqcount_spinlock seqcount_spinlock_t;
typedef struct {
	seqcount_spinlock_t seqcount;
} seqlock_t;
struct signal_struct {
	int nr_threads;
	struct list_head thread_head;
	seqlock_t stats_lock;
	struct task_io_accounting ioac;
};
struct upid {
	int nr;
};
struct pid {
	unsigned int level;
	struct upid numbers[1];
};
struct files_struct;
struct task_struct {
	int exit_state;
	int pid;
	int tgid;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	struct list_head thread_node;
	__u64 start_boottime;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	struct task_io_accounting ioac;
	struct css_set *cgroups;
};
struct task_struct___before_5_5 {
	__u64 real_start_time;
};

#endif
