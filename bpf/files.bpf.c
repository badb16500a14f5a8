// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* One pass over all open files: descriptors of every process, and the TCP sockets of every network namespace. */
#include "kernel.h"
#include "records.h"
#include "number.h"
#include "netns.h"
#include "process.h"
#include "once.h"
#include "tcp.h"

/* The task the iterator is at; `out` is what was counted of it so far. */
__u64 session;
int at_tid;
bool is_counted, is_table_shared;

static __always_inline void begin_task(struct task_struct *task)
{
	struct files_struct *files = task->files;
	struct task_struct *leader = task->group_leader;

	/* The kernel passes over threads that share the table of their main thread, but not once that has exited. */
	is_counted = task->pid == task->tgid || leader->files || is_first(as_number(files));
	is_table_shared = !leader->files || files->count.counter > task->signal->nr_threads;
	at_tid = task->pid;
	out.tid = pid_of(task);
	out.tgid = pid_of(leader);
	out.start = start_of(leader);
}

static __always_inline void clear_counts(void)
{
	out.netns = 0;
	out.netns_inode = 0;
	out.open_files = out.open_sockets = 0;
	out.established = out.close_wait = out.syn_sent = out.syn_recv = out.cut = 0;
	out.tx_queue = out.rx_queue = 0;
}

/* Writes what was counted. Without room the program runs again for the same file: nothing may have changed then. */
static __always_inline bool send(struct seq_file *seq)
{
	if (!out.open_files)
		return true;
	out.kind = RECORD_FILES;
	out.size = sizeof(out);
	if (bpf_seq_write(seq, &out, sizeof(out)))
		return false;
	clear_counts();
	return true;
}

SEC("iter/task_file")
int read_files(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct seq_file *seq = ctx->meta->seq;

	if (ctx->meta->session_id != session) {
		session = ctx->meta->session_id;
		pass++;
		at_tid = 0;
		clear_counts();
	}
	if (!task || !file) {
		send(seq);
		return 0;
	}
	if (task->pid != at_tid) {
		if (!send(seq))
			return 0;
		begin_task(task);
	}
	if (!is_counted)
		return 0;
	struct socket *socket = bpf_sock_from_file(file);
	if (!socket) {
		out.open_files++;
		return 0;
	}
	struct sock *sk = socket->sk;
	struct tcp_sock *tcp = sk ? bpf_skc_to_tcp_sock(sk) : NULL;
	if (!tcp) {
		out.open_files++;
		out.open_sockets++;
		return 0;
	}
	struct net *net = sk->__sk_common.skc_net.net;
	__u64 cookie = netns_cookie(net);
	if (out.netns && out.netns != cookie && !send(seq))
		return 0;
	out.netns = cookie;
	out.netns_inode = net->ns.inum;
	out.open_files++;
	out.open_sockets++;
	if ((!is_table_shared && has_one_holder(file)) || is_first(as_number(sk)))
		add_tcp(sk, tcp);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
