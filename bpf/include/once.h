/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What several processes share is counted once. */
#ifndef ONCE_H
#define ONCE_H

/* Addresses counted in a pass, in a table with open addressing: what an earlier pass left is a free place, so there
 * is nothing to remove. As many places as user space gives it, a power of two. */
struct counted {
	__u64 address;
	__u64 pass;
};

enum { COUNTED_SLOTS = 65536, MAX_PROBES = 32 };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, COUNTED_SLOTS);
	__type(key, __u32);
	__type(value, struct counted);
} counted SEC(".maps");

const volatile __u32 counted_slots = COUNTED_SLOTS;

__u32 pass;
/* Found no place, so may be counted more than once: a larger table is due. */
__u32 counted_lost = 0;

static __always_inline bool is_first(__u64 address)
{
	__u32 slot = (address * 0x9E3779B97F4A7C15ULL) >> 32;

	for (int i = 0; i < MAX_PROBES; i++, slot++) {
		__u32 key = slot & (counted_slots - 1);
		struct counted *place = bpf_map_lookup_elem(&counted, &key);
		if (!place)
			return true;
		if (place->pass != pass) {
			place->address = address;
			place->pass = pass;
			return true;
		}
		if (place->address == address)
			return false;
	}
	counted_lost++;
	return true;
}

/* The iterator itself holds one reference, the table of descriptors the other. More can be another descriptor or
 * another process, or a system call that waits in a process with several threads. */
static __always_inline bool has_one_holder(struct file *file)
{
	struct file___ref *newer = (void *)file;
	struct file___count *older = (void *)file;

	if (bpf_core_field_exists(newer->f_ref))
		return newer->f_ref.refcnt.counter == 1;
	return older->f_count.counter == 2;
}

#endif
