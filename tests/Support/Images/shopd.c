/*
 * The application of the tests: a small web server with a hole.
 *   shopd PORT [BACKEND_PORT]
 * GET /        a page; a line goes to /var/log/shop/access.log
 * GET /order   asks the backend on the loopback
 * GET /report  runs /bin/date
 * GET /run?CMD the hole: runs CMD (with + for space) in a shell
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sockaddr_in loopback(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return a;
}

static void log_request(const char *line)
{
	int fd = open("/var/log/shop/access.log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	if (fd < 0)
		return;
	dprintf(fd, "%s\n", line);
	close(fd);
}

static int ask_backend(int port)
{
	struct sockaddr_in a = loopback(port);
	char answer[256];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int ok = fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0 &&
		 dprintf(fd, "GET / HTTP/1.0\r\n\r\n") > 0 && read(fd, answer, sizeof(answer)) > 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

static int run(int out, char *const argv[])
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		dup2(out, 1);
		dup2(out, 2);
		execv(argv[0], argv);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return -1;
	return WEXITSTATUS(status);
}

static void spawn(char *const argv[], int client)
{
	/* A pipe in between: the child's output is no socket, as with any CGI. */
	int ends[2];
	char buffer[4096];
	ssize_t n;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return;
	pid_t child = fork();
	if (child == 0) {
		close(client);
		dprintf(ends[1], "exit %d\n", run(ends[1], argv));
		_exit(0);
	}
	close(ends[1]);
	dprintf(client, "HTTP/1.0 200 OK\r\n\r\n");
	while ((n = read(ends[0], buffer, sizeof(buffer))) > 0)
		if (write(client, buffer, n) != n)
			break;
	close(ends[0]);
	waitpid(child, NULL, 0);
}

static void answer(int client, int backend)
{
	char request[4096];
	ssize_t n = read(client, request, sizeof(request) - 1);

	if (n <= 0)
		return;
	request[n] = 0;
	request[strcspn(request, "\r\n")] = 0;
	char *end = strstr(request, " HTTP/");
	if (end)
		*end = 0;
	log_request(request);
	if (strcmp(request, "GET /order") == 0) {
		dprintf(client, "HTTP/1.0 %s\r\n\r\n", ask_backend(backend) ? "200 OK" : "502 Bad Gateway");
	} else if (strcmp(request, "GET /report") == 0) {
		char *argv[] = { "/bin/date", NULL };

		spawn(argv, client);
	} else if (strncmp(request, "GET /run?", 9) == 0) {
		char *command = request + 9;
		char *argv[] = { "/bin/sh", "-c", command, NULL };

		for (char *c = command; *c; c++)
			if (*c == '+')
				*c = ' ';
		spawn(argv, client);
	} else {
		dprintf(client, "HTTP/1.0 200 OK\r\n\r\nshop\n");
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in a = loopback(argc > 1 ? atoi(argv[1]) : 8080);
	int backend = argc > 2 ? atoi(argv[2]) : 0;
	int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, _exit);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 16) < 0) {
		perror("shopd");
		return 1;
	}
	for (;;) {
		int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		if (client < 0)
			continue;
		answer(client, backend);
		shutdown(client, SHUT_RDWR);
		close(client);
	}
}
