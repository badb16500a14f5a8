/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* One handler, several ways to be called. User space loads exactly one of the ways, see hooks.rs.
 *
 * A handler gets the arguments of the tracepoint or function, and `typed`: whether the verifier knows their types.
 * Then they are followed by plain loads, which cost a nanosecond; otherwise by a helper, which costs ten. Arguments
 * that can be NULL must not be typed: Linux 6.2 to 6.12 take a tracepoint's for never NULL and drop the test. */
#ifndef HOOKS_H
#define HOOKS_H

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long r8, cx, dx, si, di;
} __attribute__((preserve_access_index));
#define ARGUMENTS(regs) { (regs)->di, (regs)->si, (regs)->dx, (regs)->cx, (regs)->r8 }
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs;
struct user_pt_regs {
	__u64 regs[31];
} __attribute__((preserve_access_index));
#define ARGUMENT(r, at) (((struct user_pt_regs *)(r))->regs[at])
#define ARGUMENTS(r) { ARGUMENT(r, 0), ARGUMENT(r, 1), ARGUMENT(r, 2), ARGUMENT(r, 3), ARGUMENT(r, 4) }
#else
#error "where does this architecture pass arguments?"
#endif

/* A field of a pointer that came from an argument; `typed` is that of the handler. */
#define LOAD(pointer, field) (typed ? (pointer)->field : BPF_CORE_READ(pointer, field))

/* An argument as a number to tell one from the other; the verifier makes a number of the difference of two pointers
 * only. Programs that are to find each other's numbers must both be typed, or neither. */
char origin;
#define ADDRESS(pointer) (typed ? (__u64)((char *)(pointer) - &origin) : (__u64)(pointer))

#define HOOK(section, name, handler, typed)                                                                            \
	SEC(section)                                                                                                   \
	int name(__u64 *ctx)                                                                                           \
	{                                                                                                              \
		handler(ctx, typed);                                                                                   \
		return 0;                                                                                              \
	}
#define PROBE(section, name, handler)                                                                                  \
	SEC(section)                                                                                                   \
	int name(struct pt_regs *regs)                                                                                 \
	{                                                                                                              \
		__u64 arguments[] = ARGUMENTS(regs);                                                                   \
		handler(arguments, false);                                                                             \
		return 0;                                                                                              \
	}

#define RAW_TRACEPOINT(name, handler) HOOK("raw_tp/" #name, name##_raw, handler, false)
#define TRACEPOINT(name, handler)                                                                                      \
	HOOK("tp_btf/" #name, name##_btf, handler, true)                                                               \
	RAW_TRACEPOINT(name, handler)
#define FUNCTION(name, handler)                                                                                        \
	HOOK("fentry/" #name, name##_fentry, handler, true)                                                            \
	PROBE("kprobe/" #name, name##_kprobe, handler)
#define FUNCTION_END(name, handler)                                                                                    \
	HOOK("fexit/" #name, name##_fexit, handler, true)                                                              \
	PROBE("kretprobe/" #name, name##_kretprobe, handler)

#endif
