// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* How long a command to a virtio network device takes: the CPU waits for the host all that time. */
#include "kernel.h"
#include "hooks.h"
#include "histogram.h"
#include "underway.h"

UNDERWAY(commands, 16);

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct histogram);
} latency SEC(".maps");

static __always_inline void started(__u64 *ctx __attribute__((unused)), const bool typed __attribute__((unused)))
{
	__u64 task = bpf_get_current_task();

	begin(ways_of(commands, task), task, 0, bpf_ktime_get_ns());
}

static __always_inline void finished(__u64 *ctx __attribute__((unused)), const bool typed __attribute__((unused)))
{
	__u64 task = bpf_get_current_task(), since = end(ways_of(commands, task), task, 0);
	__u32 zero = 0;
	struct histogram *histogram = bpf_map_lookup_elem(&latency, &zero);

	if (since && histogram)
		observe(histogram, elapsed(since, bpf_ktime_get_ns()));
}

/* The name since 6.10, then the one before. */
FUNCTION(virtnet_send_command_reply, started)
FUNCTION_END(virtnet_send_command_reply, finished)
FUNCTION(virtnet_send_command, started)
FUNCTION_END(virtnet_send_command, finished)

char LICENSE[] SEC("license") = "Dual BSD/GPL";
