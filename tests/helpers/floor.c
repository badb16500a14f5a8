/* The floor of a benchmark: reads the given files of the given processes and does nothing with them.
 * Usage: floor ROUNDS FILE[,FILE..] PID..; prints the CPU time of a round in seconds. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char text[1 << 17];

static void read_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		perror(path);
		exit(1);
	}
	while (read(fd, text, sizeof(text)) > 0)
		;
	close(fd);
}

static double cpu_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	int rounds = argc > 3 ? atoi(argv[1]) : 0;

	if (rounds < 1) {
		fprintf(stderr, "usage: floor ROUNDS FILE[,FILE..] PID..\n");
		return 2;
	}
	double began = cpu_seconds();
	for (int round = 0; round < rounds; round++) {
		for (int pid = 3; pid < argc; pid++) {
			char files[512], path[600];

			snprintf(files, sizeof(files), "%s", argv[2]);
			for (char *file = strtok(files, ","); file; file = strtok(NULL, ",")) {
				snprintf(path, sizeof(path), "/proc/%s/net/%s", argv[pid], file);
				read_file(path);
			}
		}
	}
	printf("%.9f\n", (cpu_seconds() - began) / rounds);
	return 0;
}
