/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What a pass has already told. A slot for each number modulo the size: two that meet in one slot are told more than
 * once, which does no harm, so nothing is ever full, and there is nothing to clear. */
#ifndef SEEN_H
#define SEEN_H

enum { SEEN_SLOTS = 4096 };

struct seen {
	__u64 id;
	__u32 hierarchy;
	__u32 pass;
};

struct seen_slots {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SEEN_SLOTS);
	__type(key, __u32);
	__type(value, struct seen);
};

static __always_inline struct seen *seen_slot(void *slots, __u64 id)
{
	__u32 slot = id % SEEN_SLOTS;
	return bpf_map_lookup_elem(slots, &slot);
}

#endif
