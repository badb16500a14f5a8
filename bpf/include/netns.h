/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Which network namespace a task is in. */
#ifndef NETNS_H
#define NETNS_H

static __always_inline __u64 netns_cookie(struct net *net)
{
	struct net___cookie *with_cookie = (void *)net;
	if (bpf_core_field_exists(with_cookie->net_cookie))
		return with_cookie->net_cookie;
	return net->ns.inum;
}

/* Only the task itself changes its nsproxy, and frees the old one at once, so another one can have taken the place
 * by the time it is read: what was read counts if the task still has it afterwards. The namespace had a user then,
 * and its memory and counters go an RCU grace period after the last one (cleanup_net): not while this program runs. */
static __always_inline struct net *netns_of(struct task_struct *task, __u64 *cookie, __u32 *inode)
{
	struct nsproxy *before = task->nsproxy, *after;
	if (!before)
		return NULL;
	struct net *net = before->net_ns;
	if (!net)
		return NULL;
	*cookie = netns_cookie(net);
	*inode = net->ns.inum;
	barrier();
	after = *(struct nsproxy *volatile *)&task->nsproxy;
	return before == after ? net : NULL;
}

#endif
