/* server PORT BACKLOG: accepts connections over IPv4 one after the other and does what the first byte that comes says:
 * `e` ends the connection, so that its TIME_WAIT is the server's; `k` keeps it, after one byte and as many more as the
 * buffers of both sides take when nobody reads. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int listen_on(int port, int backlog)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, backlog))
		fail("listen");
	return listener;
}

/* The kernel widens a send buffer as what is in it is acknowledged. */
static void fill(int connection)
{
	static const char block[64 * 1024];

	for (int i = 0; i < 5; i++) {
		while (send(connection, block, sizeof(block), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
			;
		usleep(20 * 1000);
	}
}

int main(int argc, char **argv)
{
	char request[4096];

	if (argc != 3)
		return 2;
	int listener = listen_on(atoi(argv[1]), atoi(argv[2]));
	for (;;) {
		int connection = accept(listener, NULL, NULL);
		if (connection < 0)
			fail("accept");
		if (read(connection, request, sizeof(request)) > 0 && request[0] == 'k')
			fill(connection);
		else
			close(connection);
	}
}
