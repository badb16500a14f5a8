// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Notes when something begins and asks when it began, as the probes do. */
#include "kernel.h"
#include "underway.h"

UNDERWAY(things, 1);

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} since SEC(".maps");

/* What begins, its mark and when: numbers that the test gives as arguments. */
SEC("raw_tp")
int begin_thing(__u64 *ctx)
{
	begin(ways_of(things, ctx[0]), ctx[0], ctx[1], ctx[2]);
	return 0;
}

/* What ends, and its mark; when it began is left in the map. */
SEC("raw_tp")
int end_thing(__u64 *ctx)
{
	__u32 zero = 0;
	__u64 *answer = bpf_map_lookup_elem(&since, &zero);

	if (answer)
		*answer = end(ways_of(things, ctx[0]), ctx[0], ctx[1]);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
