/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What the passes write to the reader: records one after another, each with its kind and its size. */
#ifndef RECORDS_H
#define RECORDS_H

enum { RECORD_NETNS = 1, RECORD_TASK = 2, RECORD_CGROUP = 3, RECORD_FILES = 4 };

/* The counter tables of a namespace, and how many counters of each can be asked for. */
enum { TCP, UDP, UDP6, IP, IP6, TCPEXT, TABLES };
enum { MAX_PICKS = 64, MAX_CELLS = 192, MAX_WORDS = 192 };
enum { CONNTRACK_STATS = 9, IO_STATS = 7, MAX_CGROUP_PATH = 1024 };

/* Which of its fields a namespace has. */
enum {
	NETNS_TIME_WAIT = 1,
	NETNS_TCP_INUSE = 2,
	NETNS_TCP6_INUSE = 4,
	NETNS_CONNTRACK = 8,
	NETNS_CONNTRACK_ENTRIES = 16,
	NETNS_IP_SETTINGS = 32,
};

struct netns_record {
	__u32 kind, size;
	__u64 cookie; /* its inode, where the kernel has no cookies */
	__u32 inode, has;
	__s32 time_wait, conntrack_entries;
	__s32 tcp_inuse, tcp6_inuse;
	__u32 ip_forwarding, ip_default_ttl;
	__u64 conntrack[CONNTRACK_STATS];
	__u64 cells[MAX_CELLS]; /* the counters asked for, table after table; those behind the last are not sent */
};

enum {
	TASK_IS_PROCESS = 1, /* its I/O is that of the whole process */
	TASK_EXITED = 2, /* the main thread has exited; the others are then sent one by one */
	TASK_IO = 4,
	TASK_IO_UNSTEADY = 8, /* threads came and went while their I/O was added, or there are too many */
};

struct task_record {
	__u32 kind, size;
	__u32 tgid, tid;
	__u64 start; /* ns since boot: /proc/<pid>/stat has it in clock ticks */
	__u64 netns; /* cookie; 0 for a task that has exited */
	__u32 netns_inode, flags;
	__u32 parent, unused; /* the process that will wait for it; 0 if that is out of sight */
	__u64 cgroup, cgroup_v1; /* of the unified hierarchy, and of a v1 one where there is any */
	__u64 io[IO_STATS]; /* rchar wchar syscr syscw read_bytes write_bytes cancelled_write_bytes */
};

struct cgroup_record {
	__u32 kind, size;
	__u64 id;
	__u32 hierarchy, length;
	char path[MAX_CGROUP_PATH]; /* names from the leaf up to the root, each with its 0; cut to its length */
};

struct files_record {
	__u32 kind, size;
	__u32 tgid, tid;
	__u64 start;
	__u64 netns; /* of its TCP sockets: one record for each; 0 without any */
	__u32 netns_inode;
	__u32 open_files, open_sockets;
	__u32 established, close_wait, syn_sent, syn_recv;
	__u32 cut; /* accept queues longer than we walk */
	__u64 tx_queue, rx_queue;
};

#endif
