// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* How long a softirq waits for its CPU, and how long it runs, by its type. */
#include "kernel.h"
#include "hooks.h"
#include "histogram.h"

enum { VECTORS = 16 }; /* the kernel has ten; sixteen lets a mask bound the index */

const volatile __u32 wanted = 0xffff; /* a bit for each vector */

struct softirq {
	__u64 raised, entered; /* 0: not */
	struct histogram sched, exec;
};
struct softirqs {
	struct softirq by_vector[VECTORS];
};

/* A softirq runs where it was raised, and none interrupts another: nothing here is shared. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct softirqs);
} softirqs SEC(".maps");

static __always_inline struct softirq *softirq_of(__u64 *ctx)
{
	__u32 vector = ctx[0] & (VECTORS - 1), zero = 0;

	if (!(wanted >> vector & 1))
		return NULL;
	struct softirqs *own = bpf_map_lookup_elem(&softirqs, &zero);
	return own ? &own->by_vector[vector & (VECTORS - 1)] : NULL;
}

/* Raised again before it runs, it has waited since the first time. */
SEC("raw_tp/softirq_raise")
int raised(__u64 *ctx)
{
	struct softirq *softirq = softirq_of(ctx);

	if (softirq && !softirq->raised)
		softirq->raised = bpf_ktime_get_ns();
	return 0;
}

SEC("raw_tp/softirq_entry")
int entered(__u64 *ctx)
{
	struct softirq *softirq = softirq_of(ctx);

	if (!softirq)
		return 0;
	/* At once: an interrupt may raise it again while this is counted. */
	__u64 since = softirq->raised;
	softirq->raised = 0;
	softirq->entered = bpf_ktime_get_ns();
	if (since)
		observe(&softirq->sched, elapsed(since, softirq->entered));
	return 0;
}

SEC("raw_tp/softirq_exit")
int left(__u64 *ctx)
{
	struct softirq *softirq = softirq_of(ctx);

	if (softirq && softirq->entered)
		observe(&softirq->exec, elapsed(softirq->entered, bpf_ktime_get_ns()));
	if (softirq)
		softirq->entered = 0;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
