/*
 * Runs a command in a child with the highest pid that is free, with idle processes at the pids below
 * it: whoever goes over all processes by pid is busy with those before it comes to the command.
 */
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define IDLE 2000

static pid_t next_pid(void)
{
	static int next;
	FILE *file;

	if (!next) {
		file = fopen("/proc/sys/kernel/pid_max", "r");
		if (!file || fscanf(file, "%d", &next) != 1)
			exit(2);
		fclose(file);
	}
	return --next;
}

static pid_t fork_high(void)
{
	for (int tries = 0; tries < 10000; tries++) {
		pid_t pid = next_pid();
		struct clone_args args = {
			.exit_signal = SIGCHLD,
			.set_tid = (uintptr_t)&pid,
			.set_tid_size = 1,
		};
		pid_t child = syscall(SYS_clone3, &args, sizeof(args));

		if (!child)
			prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (child >= 0)
			return child;
	}
	exit(2);
}

int main(int argc, char **argv)
{
	pid_t command;
	int status;

	if (argc < 2)
		return 2;
	command = fork_high();
	if (!command) {
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	for (int i = 0; i < IDLE; i++) {
		if (!fork_high()) {
			for (int fd = 0; fd < 3; fd++)
				close(fd);
			pause();
			_exit(0);
		}
	}
	if (waitpid(command, &status, 0) < 0)
		return 2;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
