/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* When something began that is not over yet, by the address of a packet, a socket or a task.
 *
 * Buckets of four ways instead of a hash map: a tenth of the cost, nothing to allocate, nothing to clean. What never
 * ends (a packet dropped in the queue) is overwritten when its address comes again, or once it is older than anything
 * that is measured. Without a free way the newcomer goes unmeasured and is counted: what waits long is never evicted.
 */
#ifndef UNDERWAY_H
#define UNDERWAY_H

#include "atomic.h"

enum { WAYS = 4 };
#define LEFT_OVER 20000000000LL /* ns: twice the last edge */

struct underway {
	__u64 key; /* 0: free */
	__u64 since;
	__u64 mark; /* what must be the same at the end, or have been reached */
	__u64 unused;
};
struct underway_ways {
	struct underway ways[WAYS];
};

/* `count_` is a power of two. */
#define UNDERWAY(name, count_)                                                                                         \
	struct {                                                                                                       \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                                      \
		__uint(max_entries, count_);                                                                           \
		__type(key, __u32);                                                                                    \
		__type(value, struct underway_ways);                                                                   \
	} name SEC(".maps");                                                                                           \
	enum { name##_mask = (count_) - 1 }
#define ways_of(name, key) underway_ways(&name, name##_mask, key)

/* How often there was no way free. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} unmeasured SEC(".maps");

static __always_inline struct underway_ways *underway_ways(void *map, __u32 mask, __u64 key)
{
	__u32 at = key * 0x9e3779b97f4a7c15ULL >> 40 & mask;

	return bpf_map_lookup_elem(map, &at);
}

static __always_inline struct underway *find(struct underway_ways *in, __u64 key)
{
	if (!in)
		return NULL;
	for (int i = 0; i < WAYS; i++)
		if (in->ways[i].key == key)
			return &in->ways[i];
	return NULL;
}

/* Two CPUs may take one way at once: then one of them goes unmeasured, or gets the other's time, which is the same. */
static __always_inline void put(struct underway *way, __u64 key, __u64 mark, __u64 now)
{
	way->since = now;
	way->mark = mark;
	barrier();
	way->key = key;
}

static __always_inline void go_unmeasured(void)
{
	__u32 zero = 0;
	__u64 *number = bpf_map_lookup_elem(&unmeasured, &zero);

	if (number)
		count(number, 1);
}

static __always_inline void begin(struct underway_ways *in, __u64 key, __u64 mark, __u64 now)
{
	struct underway *way = find(in, key);

	if (!in)
		return;
	for (int i = 0; !way && i < WAYS; i++)
		if (!in->ways[i].key || (__s64)(now - in->ways[i].since) > LEFT_OVER)
			way = &in->ways[i];
	if (way)
		put(way, key, mark, now);
	else
		go_unmeasured();
}

/* When it began; 0: not known. */
static __always_inline __u64 end(struct underway_ways *in, __u64 key, __u64 mark)
{
	struct underway *way = find(in, key);

	if (!way)
		return 0;
	way->key = 0;
	return way->mark == mark ? way->since : 0;
}

#endif
