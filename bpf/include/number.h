/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef NUMBER_H
#define NUMBER_H

/* A pointer becomes a number when it is stored and loaded again (CAP_PERFMON). */
void *volatile pointer;

static __always_inline __u64 as_number(const void *address)
{
	pointer = (void *)address;
	return *(volatile __u64 *)&pointer;
}

#endif
