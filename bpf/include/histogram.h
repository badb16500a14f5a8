/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Times by size, in cells between neighbouring edges. A time that equals an edge is below it. The number of times is
 * the sum of the cells. */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include "atomic.h"

/* As many as user space has (metrics/histogram.rs); edges are padded to a power of two. */
enum { CELLS = 45, PADDED_EDGES = 64 };

/* ns, ascending; those behind the last are larger than any time. */
const volatile __u64 edges[PADDED_EDGES] = {};

struct histogram {
	__u64 sum; /* ns */
	__u64 cells[CELLS];
};

/* How many edges are below. A function of its own, so that the verifier goes through it once and not at each use. */
__noinline __u32 cell_of(__u64 ns)
{
	__u32 below = 0;

	for (__u32 step = PADDED_EDGES / 2; step; step /= 2)
		if (edges[(below + step - 1) & (PADDED_EDGES - 1)] < ns)
			below += step;
	return below;
}

static __always_inline void observe(struct histogram *histogram, __u64 ns)
{
	__u32 cell = cell_of(ns);

	if (cell >= CELLS)
		return;
	count(&histogram->cells[cell], 1);
	count(&histogram->sum, ns);
}

/* From the clock of one CPU to that of another a time can come out below nothing. */
static __always_inline __u64 elapsed(__u64 from, __u64 to)
{
	return to > from ? to - from : 0;
}

#endif
