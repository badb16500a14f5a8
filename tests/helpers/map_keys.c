/* Prints the keys of the BPF maps of some name, of those with the given ids: a number of 64 bits a line.
 * Usage: map_keys NAME ID..; what has gone meanwhile has none. */
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static int open_map(const char *id)
{
	union bpf_attr attr = { .map_id = atoi(id) };

	return bpf(BPF_MAP_GET_FD_BY_ID, &attr);
}

static int is_called(int fd, const char *name)
{
	struct bpf_map_info info = {};
	union bpf_attr attr = { .info = { .bpf_fd = fd, .info_len = sizeof(info), .info = (uintptr_t)&info } };

	return !bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) && info.key_size == sizeof(uint64_t) && !strcmp(info.name, name);
}

static void print_keys(int fd)
{
	uint64_t key, next;
	union bpf_attr attr = { .map_fd = fd, .next_key = (uintptr_t)&next };

	while (!bpf(BPF_MAP_GET_NEXT_KEY, &attr)) {
		printf("%llu\n", (unsigned long long)next);
		key = next;
		attr.key = (uintptr_t)&key;
	}
}

int main(int argc, char **argv)
{
	int found = 0;

	for (int i = 2; i < argc; i++) {
		int fd = open_map(argv[i]);

		if (fd >= 0 && is_called(fd, argv[1])) {
			print_keys(fd);
			found = 1;
		}
		if (fd >= 0)
			close(fd);
	}
	if (!found)
		fprintf(stderr, "no map is called %s\n", argc > 1 ? argv[1] : "");
	return !found;
}
