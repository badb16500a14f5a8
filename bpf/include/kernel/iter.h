/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef KERNEL_ITER_H
#define KERNEL_ITER_H

struct seq_file;
struct bpf_iter_meta {
	struct seq_file *seq;
	__u64 session_id; /* of this opening of the iterator */
};
struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};
struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};
struct bpf_array {
	void *pptrs[1];
};

#endif
