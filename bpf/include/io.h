/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The I/O of one process, as /proc/<pid>/io adds it: the threads that have ended, whose sum is in the signal_struct,
 * and those that live. */
#ifndef IO_H
#define IO_H

/* Threads in one call, and calls: the verifier follows each loop to its end, but a function only once. */
enum { THREADS_PER_CALL = 64, MAX_THREAD_CALLS = 256 };

struct task_record task_out;

/* A kernel without the accounting has none of these fields, or not all. */
#define FOR_EACH_IO(X)                                                                                                 \
	X(0, rchar)                                                                                                    \
	X(1, wchar)                                                                                                    \
	X(2, syscr)                                                                                                    \
	X(3, syscw)                                                                                                    \
	X(4, read_bytes)                                                                                               \
	X(5, write_bytes)                                                                                              \
	X(6, cancelled_write_bytes)

#define SET_IO(cell, field)                                                                                            \
	task_out.io[cell] = 0;                                                                                         \
	if (bpf_core_field_exists(struct task_io_accounting, field))                                                   \
		task_out.io[cell] = signal->ioac.field;
#define ADD_IO(cell, field)                                                                                            \
	if (bpf_core_field_exists(struct task_io_accounting, field))                                                   \
		task_out.io[cell] += task->ioac.field;
#define ADD_RAW_IO(cell, field)                                                                                        \
	if (bpf_core_field_exists(struct task_io_accounting, field))                                                   \
		task_out.io[cell] += *(__u64 *)(raw + bpf_core_field_offset(struct task_io_accounting, field));

/* Adds live threads up to the `end` of the list, and returns where it stopped. */
__noinline __u64 add_threads(__u64 node, __u64 end)
{
	char raw[64] __attribute__((aligned(8)));
	__u32 size = bpf_core_type_size(struct task_io_accounting);

	for (int i = 0; i < THREADS_PER_CALL && node && node != end; i++) {
		__u64 thread = node - bpf_core_field_offset(struct task_struct, thread_node);
		void *ioac = (void *)(thread + bpf_core_field_offset(struct task_struct, ioac));
		if (size > sizeof(raw) || bpf_probe_read_kernel(raw, size, ioac))
			return 0;
		FOR_EACH_IO(ADD_RAW_IO)
		if (bpf_probe_read_kernel(&node, sizeof(node), (void *)node))
			return 0;
	}
	return node;
}

/* Adds all live threads; 0 if their list came to no end. */
__noinline int add_all_threads(__u64 signal)
{
	__u64 end = signal + bpf_core_field_offset(struct signal_struct, thread_head), node = 0;

	bpf_probe_read_kernel(&node, sizeof(node), (void *)end);
	for (int i = 0; i < MAX_THREAD_CALLS && node && node != end; i++)
		node = add_threads(node, end);
	return node == end;
}

static __always_inline __u32 stats_sequence(struct signal_struct *signal)
{
	return *(volatile __u32 *)&signal->stats_lock.seqcount.seqcount.sequence;
}

/* A thread that ends moves from one sum to the other inside the write section of stats_lock (__exit_signal). */
static __always_inline bool add_io(struct task_struct *task)
{
	struct signal_struct *signal = task->signal;
	__u32 before = stats_sequence(signal);
	int complete = 1;

	FOR_EACH_IO(SET_IO)
	if (signal->nr_threads == 1) {
		FOR_EACH_IO(ADD_IO)
	} else {
		complete = add_all_threads(as_number(signal));
	}
	barrier();
	return complete && !(before & 1) && before == stats_sequence(signal);
}

static __always_inline void read_io(struct task_struct *task)
{
	if (!bpf_core_field_exists(struct task_io_accounting, syscr))
		return;
	task_out.flags |= TASK_IO;
	if (!add_io(task))
		task_out.flags |= TASK_IO_UNSTEADY;
}

#endif
