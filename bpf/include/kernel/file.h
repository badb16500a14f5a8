/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef KERNEL_FILE_H
#define KERNEL_FILE_H

typedef struct {
	atomic_long_t refcnt;
} file_ref_t;
struct inode {};
struct file {
	struct inode *f_inode;
	void *private_data;
};
struct file___count {
	atomic_long_t f_count; /* until 6.12 */
};
struct file___ref {
	file_ref_t f_ref; /* counts from 0 */
};
struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};
struct files_struct {
	atomic_t count;
	struct fdtable *fdt;
};
struct ctl_table {
	void *data;
};
struct proc_inode {
	struct ctl_table *sysctl_entry;
	struct inode vfs_inode;
};
struct proto {
	int inuse_idx;
};
struct sock_common {
	volatile unsigned char skc_state;
	struct proto *skc_prot;
	possible_net_t skc_net;
	struct sock *skc_listener; /* of a request: shares its place with skc_flags */
};
struct sock {
	struct sock_common __sk_common;
};
struct socket {
	struct sock *sk;
};
struct request_sock {
	struct sock_common __req_common;
	struct request_sock *dl_next;
	struct sock *sk;
};
struct request_sock_queue {
	atomic_t qlen;
	struct request_sock *rskq_accept_head;
};
struct inet_connection_sock {
	struct request_sock_queue icsk_accept_queue;
};
struct tcp_sock {
	struct inet_connection_sock inet_conn;
	__u32 copied_seq, rcv_nxt, snd_una, write_seq;
};

#endif
