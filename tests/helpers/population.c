/* population NAMESPACES PROCESSES [MILLISECONDS]: network namespaces with that many processes each, until standard
 * input is closed. Number N has the default TTL 65 + N % 190, and each of its processes has N % 7 open files; each time
 * so many milliseconds have passed, one of them has a connection over loopback refused. Prints the inode and the number
 * of each namespace, then "ready". */
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void set_ttl(int ttl)
{
	FILE *file = fopen("/proc/sys/net/ipv4/ip_default_ttl", "w");

	if (!file || fprintf(file, "%d", ttl) < 0 || fclose(file))
		fail("ip_default_ttl");
}

static unsigned long inode(void)
{
	struct stat netns;

	if (stat("/proc/self/ns/net", &netns))
		fail("/proc/self/ns/net");
	return netns.st_ino;
}

static int tcp_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0)
		fail("socket");
	return fd;
}

static void raise_loopback(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = tcp_socket();

	if (ioctl(fd, SIOCSIFFLAGS, &request))
		fail("lo");
	close(fd);
}

static void be_refused(void)
{
	struct sockaddr_in nobody = { .sin_family = AF_INET, .sin_port = htons(9) };
	int fd = tcp_socket();

	nobody.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (!connect(fd, (struct sockaddr *)&nobody, sizeof(nobody)))
		exit(1);
	close(fd);
}

/* The parent's death is this one's too. */
static void stay(pid_t parent, int files, int milliseconds)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		exit(1);
	close_range(files, ~0U, 0);
	if (milliseconds)
		raise_loopback();
	for (;;) {
		if (!milliseconds)
			pause();
		usleep(milliseconds * 1000);
		be_refused();
	}
}

static void inhabit(int number, int processes, int told)
{
	char line[64];
	int files = number % 7;

	if (unshare(CLONE_NEWNET))
		fail("unshare");
	set_ttl(65 + number % 190);
	for (int fd = 0; fd < files; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd)
			fail("/dev/null");
	for (int i = 1; i < processes; i++) {
		pid_t parent = getpid(), child = fork();
		if (child < 0)
			fail("fork");
		if (!child)
			stay(parent, files, 0);
	}
	int length = snprintf(line, sizeof(line), "%lu %d\n", inode(), number);
	if (write(told, line, length) != length)
		fail("pipe");
}

/* One namespace after another: thousands of processes that run at once keep whoever looks at them from its turn. */
static void end(const pid_t *leaders, int namespaces, int processes)
{
	for (int number = 0; number < namespaces; number++) {
		kill(leaders[number], SIGKILL);
		for (int i = 0; i < processes && wait(NULL) > 0; i++)
			;
	}
}

/* A process that has made the namespace and told of it. */
static pid_t lead(int number, int processes, int milliseconds)
{
	int told[2];
	char line[64];
	pid_t parent = getpid();

	if (pipe(told))
		fail("pipe");
	pid_t child = fork();
	if (child < 0)
		fail("fork");
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* Above the files that the namespace is to have. */
		int out = fcntl(told[1], F_DUPFD, 20);
		close(told[0]);
		close(told[1]);
		inhabit(number, processes, out);
		stay(parent, number % 7, milliseconds);
	}
	close(told[1]);
	ssize_t length = read(told[0], line, sizeof(line));
	if (length <= 0 || fwrite(line, 1, length, stdout) != (size_t)length)
		fail("a namespace");
	close(told[0]);
	return child;
}

int main(int argc, char **argv)
{
	char end_of_input;

	if (argc < 3 || argc > 4 || prctl(PR_SET_CHILD_SUBREAPER, 1))
		return 2;
	int namespaces = atoi(argv[1]), processes = atoi(argv[2]), milliseconds = argc > 3 ? atoi(argv[3]) : 0;
	pid_t *leaders = calloc(namespaces, sizeof(*leaders));
	if (!leaders)
		fail("calloc");
	for (int number = 0; number < namespaces; number++)
		leaders[number] = lead(number, processes, milliseconds);
	puts("ready");
	fflush(stdout);
	if (read(STDIN_FILENO, &end_of_input, 1) < 0)
		fail("stdin");
	end(leaders, namespaces, processes);
	return 0;
}
