/* connections CONNECTIONS HOLDERS FILES: TCP connections over loopback, both ends of each held by as many processes,
 * and plain files, all open until standard input is closed. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		fail("getrlimit");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		fail("setrlimit");
}

static int listen_on(struct sockaddr_in *address)
{
	socklen_t length = sizeof(*address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	if (listener < 0 || bind(listener, (struct sockaddr *)address, length) || listen(listener, 1024) ||
	    getsockname(listener, (struct sockaddr *)address, &length))
		fail("listen");
	return listener;
}

static void connect_once(int listener, const struct sockaddr_in *address)
{
	int client = socket(AF_INET, SOCK_STREAM, 0);

	if (client < 0 || connect(client, (const struct sockaddr *)address, sizeof(*address)))
		fail("connect");
	if (accept(listener, NULL, NULL) < 0)
		fail("accept");
}

static void hold(void)
{
	pid_t holder = fork();

	if (holder < 0)
		fail("fork");
	if (holder)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	char byte;

	if (argc != 4)
		return 2;
	raise_file_limit();
	int listener = listen_on(&address);
	for (int i = 0; i < atoi(argv[1]); i++)
		connect_once(listener, &address);
	close(listener);
	for (int i = 0; i < atoi(argv[3]); i++)
		if (open("/dev/null", O_RDONLY) < 0)
			fail("/dev/null");
	for (int i = 1; i < atoi(argv[2]); i++)
		hold();
	puts("ready");
	fflush(stdout);
	return read(STDIN_FILENO, &byte, 1) < 0;
}
