/* iterate PID FD ROUNDS: reads the BPF iterator behind the link that the process PID has open as FD, and in turn one of
 * the same kind whose program does nothing. Prints for each round the CPU time of both in seconds. */
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int bpf(int command, union bpf_attr *attr, const char *what)
{
	int result = syscall(SYS_bpf, command, attr, sizeof(*attr));

	if (result < 0)
		fail(what);
	return result;
}

static void ask(int fd, void *info, size_t size)
{
	union bpf_attr attr = { .info.bpf_fd = fd, .info.info_len = size, .info.info = (unsigned long)info };

	bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, "BPF_OBJ_GET_INFO_BY_FD");
}

static int link_of(int pid, int fd)
{
	int process = syscall(SYS_pidfd_open, pid, 0);
	int link = process < 0 ? -1 : syscall(SYS_pidfd_getfd, process, fd, 0);

	if (link < 0)
		fail("the link");
	close(process);
	return link;
}

/* A link to a program that only returns, attached to what the program of `link` is attached to. */
static int empty_twin(int link)
{
	struct bpf_link_info link_info = {};
	struct bpf_prog_info program_info = {};
	struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr;

	ask(link, &link_info, sizeof(link_info));
	memset(&attr, 0, sizeof(attr));
	attr.prog_id = link_info.prog_id;
	int program = bpf(BPF_PROG_GET_FD_BY_ID, &attr, "BPF_PROG_GET_FD_BY_ID");
	ask(program, &program_info, sizeof(program_info));
	close(program);

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_TRACING;
	attr.expected_attach_type = BPF_TRACE_ITER;
	attr.attach_btf_id = program_info.attach_btf_id;
	attr.insns = (unsigned long)code;
	attr.insn_cnt = sizeof(code) / sizeof(code[0]);
	attr.license = (unsigned long)"GPL";
	int empty = bpf(BPF_PROG_LOAD, &attr, "BPF_PROG_LOAD");

	memset(&attr, 0, sizeof(attr));
	attr.link_create.prog_fd = empty;
	attr.link_create.attach_type = BPF_TRACE_ITER;
	return bpf(BPF_LINK_CREATE, &attr, "BPF_LINK_CREATE");
}

static double cpu_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static double read_all(int link)
{
	static char buffer[1 << 16];
	union bpf_attr attr = { .iter_create.link_fd = link };
	double began = cpu_seconds();
	int iterator = bpf(BPF_ITER_CREATE, &attr, "BPF_ITER_CREATE");
	ssize_t length;

	do
		length = read(iterator, buffer, sizeof(buffer));
	while (length > 0 || (length < 0 && (errno == EAGAIN || errno == EINTR)));
	if (length < 0)
		fail("read");
	close(iterator);
	return cpu_seconds() - began;
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	int link = link_of(atoi(argv[1]), atoi(argv[2])), empty = empty_twin(link);

	for (int round = 0; round < atoi(argv[3]); round++) {
		double whole = read_all(link);
		printf("%.9f %.9f\n", whole, read_all(empty));
	}
	return 0;
}
