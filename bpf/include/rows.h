/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Where in an array by slot this CPU counts.
 *
 * A row for each CPU would be 128 times as large as one row; one row is a cache line that all CPUs fight for. So there
 * are a few, up to eight, and CPUs share them. */
#ifndef ROWS_H
#define ROWS_H

#include "atomic.h"
#include "slots.h"

const volatile __u32 stripe_mask = 0; /* rows of a slot, less one */

static __always_inline __u32 row_of(__u32 slot)
{
	return slot * (stripe_mask + 1) + (bpf_get_smp_processor_id() & stripe_mask);
}

#endif
