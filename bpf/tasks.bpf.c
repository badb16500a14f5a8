// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* One pass over all tasks: the counters of every network namespace that one is in, and of every process where it is,
 * its cgroups and its I/O. */
#include "kernel.h"
#include "records.h"
#include "number.h"
#include "percpu.h"
#include "netns.h"
#include "seen.h"
#include "counters.h"
#include "process.h"
#include "io.h"
#include "cgroup.h"
#include "learn.h"

struct seen_slots netns_seen SEC(".maps");

__u64 session;
__u32 pass;

SEC("iter/task")
int read_tasks(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct seq_file *seq = ctx->meta->seq;
	struct seen *netns_slot = NULL, *cgroup_slot = NULL, *v1_slot = NULL;
	struct cgroup *cgroup, *v1;
	struct net *net;
	__u64 cookie = 0, leader_cookie = 0;
	__u32 inode = 0, leader_inode = 0;
	int error = 0;

	if (!task)
		return 0;
	if (ctx->meta->session_id != session) {
		session = ctx->meta->session_id;
		pass++;
	}
	struct task_struct *leader = task->group_leader;
	bool is_process = task->pid == task->tgid;
	/* Most threads have everything in common with their process. */
	if (!is_process && task->nsproxy == leader->nsproxy)
		return 0;
	net = netns_of(task, &cookie, &inode);
	if (!is_process && (!net || (netns_of(leader, &leader_cookie, &leader_inode) && leader_cookie == cookie)))
		return 0;

	/* What does not fit into the buffer is dropped whole, and the program runs again for this task: nothing is
	 * marked as told before all of it is written. */
	if (net) {
		netns_slot = seen_slot(&netns_seen, cookie);
		if (netns_slot && (netns_slot->id != cookie || netns_slot->pass != pass)) {
			read_netns(net, cookie, inode);
			error |= bpf_seq_write(seq, &netns_out, netns_size());
		}
	}

	struct css_set *set = task->cgroups;
	cgroup = set->dfl_cgrp;
	v1 = v1_cgroup(set);
	task_out.kind = RECORD_TASK;
	task_out.size = sizeof(task_out);
	task_out.tid = pid_of(task);
	task_out.tgid = pid_of(leader);
	task_out.start = start_of(leader);
	task_out.parent = parent_of(leader);
	task_out.netns = cookie;
	task_out.netns_inode = inode;
	task_out.flags = 0;
	task_out.cgroup = cgroup->kn->id;
	cgroup_slot = tell_cgroup(seq, cgroup, task_out.cgroup, pass, &error);
	task_out.cgroup_v1 = 0;
	if (v1) {
		task_out.cgroup_v1 = v1->kn->id;
		v1_slot = tell_cgroup(seq, v1, task_out.cgroup_v1, pass, &error);
	}
	if (is_process) {
		task_out.flags |= TASK_IS_PROCESS;
		if (task->exit_state)
			task_out.flags |= TASK_EXITED;
		read_io(task);
	}
	error |= bpf_seq_write(seq, &task_out, sizeof(task_out));
	if (error)
		return 0;
	if (netns_slot) {
		netns_slot->id = cookie;
		netns_slot->pass = pass;
	}
	mark_cgroup(cgroup_slot, cgroup, task_out.cgroup, pass);
	if (v1)
		mark_cgroup(v1_slot, v1, task_out.cgroup_v1, pass);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
