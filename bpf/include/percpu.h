/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Where the per-CPU copies of a variable are: its address plus the offset of the CPU. The offsets do not change while
 * the kernel runs, so they are found once, by one of two programs that user space runs after loading. */
#ifndef PERCPU_H
#define PERCPU_H

const volatile __u32 nr_cpus = 1; /* possible ones, whether online or not: a CPU that went keeps its counts */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* nr_cpus */
	__type(key, __u32);
	__type(value, __u64);
} cpu_offsets SEC(".maps");

/* A variable of ours that has a copy on each CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} anchor SEC(".maps");

/* Through the helper of 5.19, on every architecture and without a symbol. */
static __always_inline int offset_by_map(__u32 cpu, __u64 *offset)
{
	__u32 zero = 0;
	__u64 base = 0, map = as_number(&anchor);
	if (bpf_probe_read_kernel(&base, sizeof(base), (void *)(map + bpf_core_field_offset(struct bpf_array, pptrs))))
		return -1;
	void *copy = bpf_map_lookup_percpu_elem(&anchor, &zero, cpu);
	if (!copy)
		return -1;
	*offset = as_number(copy) - base;
	return 0;
}

/* Through a per-CPU variable that every kernel has; the kernel must list the symbols of its data. */
struct softnet_data {
	int not_read;
};
extern const struct softnet_data softnet_data __ksym __weak;

static __always_inline int offset_by_symbol(__u32 cpu, __u64 *offset)
{
	const void *copy = bpf_per_cpu_ptr(&softnet_data, cpu);
	if (!copy)
		return -1;
	*offset = as_number(copy) - as_number(&softnet_data);
	return 0;
}

/* The key is a copy: a loop whose counter a helper could write has no end for the verifier. */
static __always_inline int set_cpu_offset(__u32 cpu, __u64 offset)
{
	return bpf_map_update_elem(&cpu_offsets, &cpu, &offset, BPF_ANY);
}

static __always_inline __u64 cpu_offset(__u32 cpu)
{
	__u64 *offset = bpf_map_lookup_elem(&cpu_offsets, &cpu);
	return offset ? *offset : 0;
}

#endif
