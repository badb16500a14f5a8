/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* In which cgroups a task is, and their absolute names, which a reader in a cgroup namespace cannot learn elsewhere. */
#ifndef CGROUP_H
#define CGROUP_H

enum { MAX_CGROUP_DEPTH = 24, MAX_CGROUP_NAME = 256 };

struct seen_slots cgroups_seen SEC(".maps");

struct cgroup_record cgroup_out;
/* A name is written behind the last one, so the buffer is longer than what is sent. */
char cgroup_path[MAX_CGROUP_PATH + MAX_CGROUP_NAME];

/* Adds one name and returns the parent. */
static __always_inline __u64 add_cgroup_name(__u64 node)
{
	struct kernfs_node *kn = (void *)node;
	struct kernfs_node___rcu_parent *newer = (void *)node;
	struct kernfs_node___parent *older = (void *)node;
	__u32 length = cgroup_out.length;

	if (length >= MAX_CGROUP_PATH)
		return 0;
	long added = bpf_probe_read_kernel_str(&cgroup_path[length], MAX_CGROUP_NAME, BPF_CORE_READ(kn, name));
	if (added > 0)
		cgroup_out.length = length + added;
	if (bpf_core_field_exists(newer->__parent))
		return (__u64)BPF_CORE_READ(newer, __parent);
	return (__u64)BPF_CORE_READ(older, parent);
}

/* The path of a cgroup by its kernfs_node; returns how much of it to send. */
__noinline __u32 read_cgroup_path(__u64 node)
{
	cgroup_out.length = 0;
	for (int i = 0; i < MAX_CGROUP_DEPTH && node; i++)
		node = add_cgroup_name(node);
	__u32 length = cgroup_out.length;
	if (length > MAX_CGROUP_PATH)
		length = MAX_CGROUP_PATH;
	bpf_probe_read_kernel(cgroup_out.path, length, cgroup_path);
	return (length + 7) & ~7;
}

/* Tells the name of a cgroup unless the last pass or this one has met it: the reader keeps the names of one pass for
 * the next. Returns the slot to mark once everything about the task is written. */
static __always_inline struct seen *tell_cgroup(struct seq_file *seq, struct cgroup *cgroup, __u64 id, __u32 pass,
						int *error)
{
	__u32 hierarchy = cgroup->root->hierarchy_id;
	struct seen *slot = seen_slot(&cgroups_seen, id + hierarchy * 509);

	if (!slot)
		return NULL;
	if (slot->id == id && slot->hierarchy == hierarchy && pass - slot->pass <= 1)
		return slot;
	cgroup_out.kind = RECORD_CGROUP;
	cgroup_out.id = id;
	cgroup_out.hierarchy = hierarchy;
	__u32 length = read_cgroup_path(as_number(cgroup->kn));
	if (length > MAX_CGROUP_PATH)
		length = MAX_CGROUP_PATH;
	cgroup_out.size = sizeof(cgroup_out) - MAX_CGROUP_PATH + length;
	*error |= bpf_seq_write(seq, &cgroup_out, sizeof(cgroup_out) - MAX_CGROUP_PATH + length);
	return slot;
}

static __always_inline void mark_cgroup(struct seen *slot, struct cgroup *cgroup, __u64 id, __u32 pass)
{
	if (!slot)
		return;
	slot->id = id;
	slot->hierarchy = cgroup->root->hierarchy_id;
	slot->pass = pass;
}

/* The cgroup of the memory controller where it is not on the unified hierarchy: with hybrid mounts a pod may have its
 * own cgroup only there. */
static __always_inline struct cgroup *v1_cgroup(struct css_set *set)
{
	if (!bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id))
		return NULL;
	struct cgroup_subsys_state *state = set->subsys[bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id)];
	if (!state)
		return NULL;
	struct cgroup *cgroup = state->cgroup;
	return cgroup && cgroup->root != set->dfl_cgrp->root ? cgroup : NULL;
}

#endif
