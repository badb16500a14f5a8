/* pod [FILES DATAGRAMS WRITES]: what a container of a test runs, with nothing beside it in its image. It opens that
 * many files and, each time SIGUSR1 comes, sends that many datagrams to a closed port of its own loopback and writes
 * that many bytes, each by a call of its own. Without arguments it only waits. SIGTERM ends it. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int opened(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		fail(path);
	return fd;
}

/* The answers that nobody listens there are errors of a connected socket only. */
static void send_datagrams(int count)
{
	struct sockaddr_in closed = { .sin_family = AF_INET, .sin_port = htons(9) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	closed.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0)
		fail("socket");
	for (int i = 0; i < count; i++)
		if (sendto(fd, "x", 1, 0, (struct sockaddr *)&closed, sizeof(closed)) != 1)
			fail("sendto");
	close(fd);
}

static void write_bytes(int fd, int count)
{
	for (int i = 0; i < count; i++)
		if (write(fd, "x", 1) != 1)
			fail("write");
}

int main(int argc, char **argv)
{
	int files = argc > 1 ? atoi(argv[1]) : 0;
	int datagrams = argc > 2 ? atoi(argv[2]) : 0;
	int writes = argc > 3 ? atoi(argv[3]) : 0;
	int sink = opened("/dev/null", O_WRONLY);
	sigset_t signals;
	int signal;

	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	sigaddset(&signals, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &signals, NULL))
		fail("sigprocmask");
	for (int i = 0; i < files; i++)
		opened("/dev/zero", O_RDONLY);
	while (!sigwait(&signals, &signal) && signal == SIGUSR1) {
		send_datagrams(datagrams);
		write_bytes(sink, writes);
	}
	return 0;
}
