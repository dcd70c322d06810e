// What a program does to the kernel, timed from inside: workload open|exec|connect|packet|dns COUNT prints nanoseconds each.
#include <arpa/inet.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000L + t.tv_nsec;
}

static void open_close(void)
{
	int fd = open("/etc/passwd", O_RDONLY);

	if (fd < 0)
		exit(1);
	close(fd);
}

static void exec_exit(void)
{
	char *args[] = { "workload", "nothing", NULL };
	pid_t child;
	int status;

	if (posix_spawn(&child, "/proc/self/exe", NULL, NULL, args, NULL) || waitpid(child, &status, 0) < 0 || status)
		exit(1);
}

static struct sockaddr_in address = { .sin_family = AF_INET };
static int listener;

static void listen_on_loopback(void)
{
	socklen_t length = sizeof(address);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (void *)&address, sizeof(address)) || listen(listener, 16) ||
	    getsockname(listener, (void *)&address, &length))
		exit(1);
}

static void connect_accept(void)
{
	struct linger reset = { 1, 0 };
	int client = socket(AF_INET, SOCK_STREAM, 0), server;

	if (connect(client, (void *)&address, sizeof(address)) || (server = accept(listener, NULL, NULL)) < 0)
		exit(1);
	setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(client);
	close(server);
}

static int server, client;

/* One socket is the nameserver and another asks it: the same exchange of datagrams on a port of no meaning and on 53. */
static void bind_server(int port)
{
	socklen_t length = sizeof(address);

	address.sin_addr.s_addr = htonl(0x7F350909);
	address.sin_port = htons(port);
	server = socket(AF_INET, SOCK_DGRAM, 0);
	client = socket(AF_INET, SOCK_DGRAM, 0);
	if (bind(server, (void *)&address, sizeof(address)) || getsockname(server, (void *)&address, &length) ||
	    connect(client, (void *)&address, sizeof(address)))
		exit(1);
}

static void ask_answer(void)
{
	static const char question[] = "\x12\x34\1\0\0\1\0\0\0\0\0\0\3api\7example\3com\0\0\1\0\1";
	struct sockaddr_in from;
	socklen_t length = sizeof(from);
	char message[512];

	if (send(client, question, sizeof(question) - 1, 0) < 0 ||
	    recvfrom(server, message, sizeof(message), 0, (void *)&from, &length) < 0 ||
	    sendto(server, question, sizeof(question) - 1, 0, (void *)&from, length) < 0 ||
	    recv(client, message, sizeof(message), 0) < 0)
		exit(1);
}

int main(int argc, char **argv)
{
	void (*call)(void) = open_close;
	long count, start;

	if (argc < 3)
		return 0;
	count = atol(argv[2]);
	if (!strcmp(argv[1], "exec"))
		call = exec_exit;
	if (!strcmp(argv[1], "connect")) {
		listen_on_loopback();
		call = connect_accept;
	}
	if (!strcmp(argv[1], "packet") || !strcmp(argv[1], "dns")) {
		bind_server(argv[1][0] == 'd' ? 53 : 0);
		call = ask_answer;
	}
	call();
	start = now();
	for (long i = 0; i < count; i++)
		call();
	printf("%ld\n", (now() - start) / count);
	return 0;
}
