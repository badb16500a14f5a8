/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What the programs read of the kernel's types, and no more. Offsets and sizes are those of the running kernel
 * (CO-RE), so order, types around a field and everything left out do not matter. A field that some kernels do not
 * have stands in a flavour (three underscores) and is read after bpf_core_field_exists. */
#ifndef KERNEL_H
#define KERNEL_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed int __s32;
typedef signed long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;
#define NULL ((void *)0)
#define false 0
#define true 1

enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
};
enum { BPF_ANY = 0, BPF_NOEXIST = 1, BPF_F_NO_PREALLOC = 1 };
/* Values are those of the running kernel; here only so that a helper can be asked after. */
enum bpf_func_id { BPF_FUNC_map_lookup_percpu_elem = 195 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	int counter;
} atomic_t;
typedef struct {
	long counter;
} atomic_long_t;
typedef struct {
	atomic_t refs;
} refcount_t;
struct list_head {
	struct list_head *next;
};

#include "kernel/net.h"
#include "kernel/task.h"
#include "kernel/sock.h"
#include "kernel/skb.h"
#include "kernel/file.h"
#include "kernel/iter.h"

#pragma clang attribute pop

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#endif
