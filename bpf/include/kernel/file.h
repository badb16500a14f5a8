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

#endif
