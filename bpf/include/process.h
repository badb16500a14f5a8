/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Which process: its number and its start. */
#ifndef PROCESS_H
#define PROCESS_H

/* How deep the pid namespace of the reader is (learn.h): a process has a number in each down to its own. */
__u32 pid_level = 0;

static __always_inline __u32 pid_of(struct task_struct *task)
{
	__u32 number = task->pid;

	/* Without this the compiler has one load for both numbers, which the verifier does not allow. */
	barrier_var(number);
	if (pid_level) {
		__u64 pid = as_number(task->thread_pid);
		bpf_probe_read_kernel(&number, sizeof(number),
				      (void *)(pid + bpf_core_field_offset(struct pid, numbers) +
					       pid_level * bpf_core_type_size(struct upid)));
	}
	return number;
}

/* Any thread of the parent can have made it. */
static __always_inline __u32 parent_of(struct task_struct *leader)
{
	struct task_struct *parent = leader->real_parent;
	struct task_struct *its_leader = parent ? parent->group_leader : NULL;

	return its_leader ? pid_of(its_leader) : 0;
}

static __always_inline __u64 start_of(struct task_struct *task)
{
	struct task_struct___before_5_5 *older = (void *)task;
	if (bpf_core_field_exists(task->start_boottime))
		return task->start_boottime;
	return older->real_start_time;
}

#endif
