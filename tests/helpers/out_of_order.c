/* Connects and sends segments that leave holes between them, the last of them first, so that the receiver must keep
 * them out of order until it has no memory for them. Usage: out_of_order ADDRESS PORT; IPv4. Says `ready` when all are
 * sent, and ends with its standard input. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SEGMENTS = 4000, FIRST = 100, APART = 5, ACK = 0x10 };
enum { REPAIR_OFF_NO_PROBE = -1, RECEIVE_QUEUE = 1, SEND_QUEUE = 2 };

/* On the wire, behind what stands for the IP header in the checksum. */
struct segment {
	struct {
		uint32_t source, destination;
		uint8_t zero, protocol;
		uint16_t length;
	} pseudo;
	uint16_t source, destination;
	uint32_t sequence, acknowledged;
	uint8_t words, flags;
	uint16_t window, checksum, urgent;
	char payload, padding;
} __attribute__((packed));

enum { TCP_BYTES = 21 };

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void set(int fd, int option, int value)
{
	if (setsockopt(fd, IPPROTO_TCP, option, &value, sizeof(value)))
		fail("setsockopt");
}

static uint32_t sequence(int fd, int queue)
{
	uint32_t number;
	socklen_t length = sizeof(number);

	set(fd, TCP_REPAIR_QUEUE, queue);
	if (getsockopt(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, &number, &length))
		fail("getsockopt");
	return number;
}

static uint16_t checksum(const struct segment *segment)
{
	const uint8_t *bytes = (const void *)segment;
	uint32_t sum = 0;

	for (size_t i = 0; i < sizeof(*segment); i += 2)
		sum += bytes[i] << 8 | bytes[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons(~sum);
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET }, from;
	socklen_t length = sizeof(from);

	if (argc != 3 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1) {
		fprintf(stderr, "usage: out_of_order ADDRESS PORT\n");
		return 2;
	}
	to.sin_port = htons(atoi(argv[2]));
	int fd = socket(AF_INET, SOCK_STREAM, 0), raw = socket(AF_INET, SOCK_RAW, IPPROTO_TCP);
	if (raw < 0 || connect(fd, (void *)&to, sizeof(to)) || getsockname(fd, (void *)&from, &length))
		fail("connect");
	set(fd, TCP_REPAIR, 1);
	uint32_t next = sequence(fd, SEND_QUEUE), expected = sequence(fd, RECEIVE_QUEUE);
	set(fd, TCP_REPAIR, REPAIR_OFF_NO_PROBE);

	struct segment segment = {
		.pseudo = { from.sin_addr.s_addr, to.sin_addr.s_addr, 0, IPPROTO_TCP, htons(TCP_BYTES) },
		.source = from.sin_port,
		.destination = to.sin_port,
		.acknowledged = htonl(expected),
		.words = 5 << 4,
		.flags = ACK,
		.window = htons(256),
		.payload = 'x',
	};
	to.sin_port = 0;
	/* Newer kernels throw away only what comes after the newcomer. */
	for (int i = SEGMENTS; i > 0; i--) {
		segment.sequence = htonl(next + FIRST + i * APART);
		segment.checksum = 0;
		segment.checksum = checksum(&segment);
		if (sendto(raw, &segment.source, TCP_BYTES, 0, (void *)&to, sizeof(to)) != TCP_BYTES)
			fail("sendto");
	}
	puts("ready");
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}
