/*
 * What intruders do, one system call sequence per word; part of the image, never run while learning.
 *   tool memfd | deleted PATH | ptrace PID | vmwrite PID | reverse PORT | connect PORT | listen PORT | unix PATH
 *        | unshare | mount
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int fail(const char *what)
{
	fprintf(stderr, "tool: %s: %s\n", what, strerror(errno));
	return 1;
}

static int copy_of_busybox(int to)
{
	int from = open("/bin/busybox", O_RDONLY | O_CLOEXEC);
	struct stat s;

	if (from < 0 || fstat(from, &s) < 0)
		return -1;
	for (off_t left = s.st_size; left > 0;) {
		ssize_t n = sendfile(to, from, NULL, left);

		if (n <= 0)
			return -1;
		left -= n;
	}
	close(from);
	return 0;
}

static int exec_fd(int fd)
{
	char *argv[] = { "true", NULL };

	fexecve(fd, argv, environ);
	return fail("fexecve");
}

static int memfd(void)
{
	int fd = memfd_create("update", MFD_CLOEXEC);

	return fd < 0 || copy_of_busybox(fd) < 0 ? fail("memfd") : exec_fd(fd);
}

static int deleted(const char *path)
{
	int out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

	if (out < 0 || copy_of_busybox(out) < 0)
		return fail(path);
	close(out);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 || unlink(path) < 0 ? fail(path) : exec_fd(fd);
}

static int trace(pid_t pid)
{
	if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) < 0)
		return fail("ptrace");
	waitpid(pid, NULL, 0);
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
	return 0;
}

static int vmwrite(pid_t pid)
{
	char byte = 0;
	struct iovec local = { &byte, 1 }, remote = { &byte, 1 };

	/* The address need not be the other's: that it was tried is what is seen. */
	if (process_vm_writev(pid, &local, 1, &remote, 1, 0) < 0)
		perror("process_vm_writev");
	return 0;
}

static int connected(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0 ? fd : -1;
}

static int reverse(int port)
{
	int fd = connected(port);

	if (fd < 0)
		return fail("connect");
	for (int i = 0; i < 3; i++)
		dup2(fd, i);
	execl("/bin/sh", "sh", NULL);
	return 1;
}

static int listening(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 1) < 0 ? fail("listen") : 0;
}

static int unix_socket(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strncpy(a.sun_path, path, sizeof(a.sun_path) - 1);
	return connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ? fail(path) : 0;
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";
	const char *argument = argc > 2 ? argv[2] : "";

	if (!strcmp(word, "memfd"))
		return memfd();
	if (!strcmp(word, "deleted"))
		return deleted(argument);
	if (!strcmp(word, "ptrace"))
		return trace(atoi(argument));
	if (!strcmp(word, "vmwrite"))
		return vmwrite(atoi(argument));
	if (!strcmp(word, "reverse"))
		return reverse(atoi(argument));
	if (!strcmp(word, "connect"))
		return connected(atoi(argument)) < 0 ? fail("connect") : 0;
	if (!strcmp(word, "listen"))
		return listening(atoi(argument));
	if (!strcmp(word, "unix"))
		return unix_socket(argument);
	if (!strcmp(word, "unshare"))
		return unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 ? fail("unshare") : 0;
	if (!strcmp(word, "mount"))
		return mount("none", "/mnt", "tmpfs", 0, NULL) < 0 ? fail("mount") : 0;
	fprintf(stderr, "tool: what is '%s'?\n", word);
	return 2;
}
