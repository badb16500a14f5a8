// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Puts one time into a histogram as the probes do. */
#include "kernel.h"
#include "histogram.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct histogram);
} histograms SEC(".maps");

/* From when to when: two numbers that the test gives as arguments. */
SEC("raw_tp")
int put_time(__u64 *ctx)
{
	__u32 zero = 0;
	struct histogram *histogram = bpf_map_lookup_elem(&histograms, &zero);

	if (histogram)
		observe(histogram, elapsed(ctx[0], ctx[1]));
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
