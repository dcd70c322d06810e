/*
 * Does one thing by io_uring and by nothing else: uring HOW WHAT ARGUMENT... prints its result.
 * HOW: inline; worker (a kernel worker runs it); poller (a kernel thread submits it); skip (success is not posted);
 * full (the completion queue has no room); beside (another request of the same user data is under way).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define OP_BIND 56
#define OP_LISTEN 57
#define ENTRIES 4
#define STEP(e) do { if (!(e)) { perror(#e); exit(1); } } while (0)

static struct io_uring_params params;
static struct io_uring_sqe *sqes;
static char *rings;
static int ring, flags;

#define AT(offset) ((_Atomic unsigned *)(rings + (offset)))

static void setup(int poller, unsigned entries)
{
	if (poller) {
		params.flags = IORING_SETUP_SQPOLL;
		params.sq_thread_idle = 1000;
	}
	STEP((ring = syscall(SYS_io_uring_setup, entries, &params)) >= 0);
	size_t size = params.sq_off.array + params.sq_entries * 4, cq = params.cq_off.cqes + params.cq_entries * 16;
	STEP((rings = mmap(0, size > cq ? size : cq, 3, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING)) != MAP_FAILED);
	STEP((sqes = mmap(0, params.sq_entries * sizeof(*sqes), 3, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQES)) != MAP_FAILED);
}

static void submit(struct io_uring_sqe sqe, int wait)
{
	unsigned tail = *AT(params.sq_off.tail), index = tail & (params.sq_entries - 1);

	sqe.flags |= flags;
	sqes[index] = sqe;
	*AT(params.sq_off.array + index * 4) = index;
	*AT(params.sq_off.tail) = tail + 1;
	int poller = params.flags & IORING_SETUP_SQPOLL;
	STEP(syscall(SYS_io_uring_enter, ring, poller ? 0 : 1, wait,
		     (poller ? IORING_ENTER_SQ_WAKEUP : 0) | (wait ? IORING_ENTER_GETEVENTS : 0), 0, 0) >= 0);
}

static int reap(void)
{
	unsigned head = *AT(params.cq_off.head);
	while (*AT(params.cq_off.tail) == head)
		usleep(1000);
	int res = ((struct io_uring_cqe *)(rings + params.cq_off.cqes))[head & (params.cq_entries - 1)].res;
	*AT(params.cq_off.head) = head + 1;
	return res;
}

static int run(struct io_uring_sqe sqe)
{
	submit(sqe, 1);
	return reap();
}

static struct io_uring_sqe two(int op, const char *from, const char *to)
{
	return (struct io_uring_sqe){ .opcode = op, .fd = AT_FDCWD, .addr = (long)from, .len = AT_FDCWD, .addr2 = (long)to };
}

static struct sockaddr_in v4(int port, int last)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(0x7f000000 + last) };
}

static int port_of(int fd, int (*name)(int, struct sockaddr *, socklen_t *))
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	STEP(!name(fd, (void *)&a, &len));
	return ntohs(a.sin_port);
}

/* Connects and accepts, registered (no descriptor of the process's own) where asked; a multishot accepts two. */
static void pair(int registered, int multishot)
{
	struct sockaddr_in a = v4(0, 1);
	socklen_t len = sizeof(a);
	int l = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0);
	STEP(!bind(l, (void *)&a, len) && !listen(l, 3) && !getsockname(l, (void *)&a, &len));
	if (registered) {
		STEP(!syscall(SYS_io_uring_register, ring, IORING_REGISTER_FILES, &c, 1));
		STEP(run((struct io_uring_sqe){ .opcode = IORING_OP_CONNECT, .flags = IOSQE_FIXED_FILE, .fd = 0, .addr = (long)&a, .off = len }) == 0);
	} else {
		STEP(run((struct io_uring_sqe){ .opcode = IORING_OP_CONNECT, .fd = c, .addr = (long)&a, .off = len }) == 0);
	}
	struct io_uring_sqe sqe = { .opcode = IORING_OP_ACCEPT, .fd = l, .ioprio = multishot ? IORING_ACCEPT_MULTISHOT : 0, .user_data = 7 };
	STEP(run(sqe) > 0);
	printf("%d %d\n", ntohs(a.sin_port), port_of(c, getsockname));
}

int main(int argc, char **argv)
{
	const char *how = argv[1], *what = argv[2], *first = argc > 3 ? argv[3] : "", *second = argc > 4 ? argv[4] : "";
	struct io_uring_sqe sqe = { .fd = AT_FDCWD, .addr = (long)first };
	struct sockaddr_in to = v4(argc > 3 ? atoi(first) : 0, argc > 4 ? atoi(second) : 0);
	struct open_how open = { .flags = strtol(second, 0, 8) };
	struct iovec one = { .iov_base = "x", .iov_len = 1 };
	struct msghdr message = { .msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &one, .msg_iovlen = 1 };

	setup(!strcmp(how, "poller"), strcmp(how, "full") ? ENTRIES : 1);
	if (!strcmp(how, "full"))	/* a queue of two, and neither is taken out */
		for (int i = 0; i < 2; i++)
			submit((struct io_uring_sqe){ .opcode = IORING_OP_NOP }, 0);
	if (!strcmp(how, "beside")) {
		int l = socket(AF_INET, SOCK_STREAM, 0);	/* nobody connects: it waits */
		STEP(!listen(l, 1));
		submit((struct io_uring_sqe){ .opcode = IORING_OP_ACCEPT, .fd = l }, 0);
	}
	flags = !strcmp(how, "worker") ? IOSQE_ASYNC : !strcmp(how, "skip") ? IOSQE_CQE_SKIP_SUCCESS : 0;

	if (!strcmp(what, "pair") || !strcmp(what, "registered") || !strcmp(what, "multishot")) {
		pair(!strcmp(what, "registered"), !strcmp(what, "multishot"));
		return 0;
	} else if (!strcmp(what, "open")) {
		sqe.opcode = IORING_OP_OPENAT;
		sqe.open_flags = open.flags;
		sqe.len = 0600;
	} else if (!strcmp(what, "open2")) {
		sqe.opcode = IORING_OP_OPENAT2;
		sqe.len = sizeof(open);
		sqe.addr2 = (long)&open;
	} else if (!strcmp(what, "open-registered")) {
		int none = -1;
		STEP(!syscall(SYS_io_uring_register, ring, IORING_REGISTER_FILES, &none, 1));
		sqe.opcode = IORING_OP_OPENAT;
		sqe.open_flags = open.flags;
		sqe.file_index = 1;
	} else if (!strcmp(what, "unlink")) {
		sqe.opcode = IORING_OP_UNLINKAT;
	} else if (!strcmp(what, "mkdir")) {
		sqe.opcode = IORING_OP_MKDIRAT;
		sqe.len = 0700;
	} else if (!strcmp(what, "rename")) {
		sqe = two(IORING_OP_RENAMEAT, first, second);
	} else if (!strcmp(what, "link")) {
		sqe = two(IORING_OP_LINKAT, first, second);
	} else if (!strcmp(what, "symlink")) {
		sqe = (struct io_uring_sqe){ .opcode = IORING_OP_SYMLINKAT, .fd = AT_FDCWD, .addr = (long)first, .addr2 = (long)second };
	} else if (!strcmp(what, "connect")) {
		sqe = (struct io_uring_sqe){ .opcode = IORING_OP_CONNECT, .fd = socket(AF_INET, SOCK_STREAM, 0), .addr = (long)&to, .off = sizeof(to) };
	} else if (!strcmp(what, "send")) {
		sqe = (struct io_uring_sqe){ .opcode = IORING_OP_SEND, .fd = socket(AF_INET, SOCK_DGRAM, 0), .addr = (long)"x", .len = 1, .addr2 = (long)&to, .addr_len = sizeof(to) };
	} else if (!strcmp(what, "sendmsg")) {
		sqe = (struct io_uring_sqe){ .opcode = IORING_OP_SENDMSG, .fd = socket(AF_INET, SOCK_DGRAM, 0), .addr = (long)&message, .len = 1 };
	} else if (!strcmp(what, "listen")) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		STEP(run((struct io_uring_sqe){ .opcode = OP_BIND, .fd = fd, .addr = (long)&to, .addr2 = sizeof(to) }) == 0);
		STEP(run((struct io_uring_sqe){ .opcode = OP_LISTEN, .fd = fd, .len = 3 }) == 0);
		printf("%d\n", port_of(fd, getsockname));
		return 0;
	}
	if (!strcmp(how, "full") || !strcmp(how, "skip")) {
		submit(sqe, 0);
		printf("0\n");
	} else {
		printf("%d\n", run(sqe));
	}
	return 0;
}
