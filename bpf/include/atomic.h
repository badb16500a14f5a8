/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef ATOMIC_H
#define ATOMIC_H

/* Also where no other CPU counts: a program in a task can be interrupted by the same program in a softirq between
 * reading and writing. */
static __always_inline void count(__u64 *cell, __u64 number)
{
	__sync_fetch_and_add(cell, number);
}

#endif
