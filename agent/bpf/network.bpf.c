// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Network: who is connected to, who is let in, what listens. */
#include "socket.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define EBADF 9
#define ENOTSOCK 88
#define TCP_CLOSE 7
#define UNIX_PATH_MAX 108

/* A socket's name of len bytes after its family; an abstract one begins with a zero byte, which is shown as '@'. */
static __always_inline __u32 unix__name(struct rg_scratch *s, const void *name, __s64 len, bool user)
{
	__u32 at = sizeof(struct rg_net_event);
	char *to = (char *)&s->out[at];
	__u64 bytes = len;
	long got;

	barrier_reg(bytes);
	if (len <= 0 || bytes > UNIX_PATH_MAX)
		return 0;
	got = user ? bpf_probe_read_user(to, bytes, name) : bpf_probe_read_kernel(to, bytes, name);
	if (got)
		return 0;
	if (to[0]) {
		to[bytes] = 0;
		got = bpf_probe_read_kernel_str(s->path, UNIX_PATH_MAX + 1, to);
		return got > 1 ? (got - 1) & 127 : 0;
	}
	to[0] = '@';
	return bytes;
}

/* The name the kernel keeps for a unix socket. */
static __always_inline __u32 unix__kept_name(struct rg_scratch *s, struct sock *sk)
{
	struct unix_address *address = BPF_CORE_READ((struct unix_sock *)sk, addr);

	if (!address)
		return 0;
	return unix__name(s, &address->name[0].sun_path, (__s64)BPF_CORE_READ(address, len) - 2, false);
}

/*
 * The caller's words about a connect whose socket is out of sight: another thread closed the descriptor meanwhile, or put
 * another socket in its place. A connection hidden so is told, flagged.
 */
static __always_inline void connect__as_asked(long ret, const void *address, int len)
{
	struct rg_net_event *e;
	struct call c = {};
	__u16 family = 0;
	__u32 size = sizeof(*e);

	if (!call__begin(&c, RG_CONNECT, RG_CLASS_NETWORK, ret))
		return;
	e = (void *)c.s->out;
	__builtin_memset(&e->peer, 0, sizeof(*e) - sizeof(e->h));
	e->h.flags |= RG_F_UNVERIFIED | RG_F_FD_RACED;
	bpf_probe_read_user(&family, sizeof(family), address);
	if (family == AF_UNIX) {
		e->family = family;
		e->path_len = unix__name(c.s, address + 2, (__s64)len - 2, true);
		size += e->path_len;
	} else {
		peer__from_user(e, address);
		if (!e->peer_port) {
			scratch__leave(c.s);
			call__unseen(RG_CLASS_NETWORK);
			return;
		}
	}
	call__send_vital(&c, size);
}

/* Whether a socket is connected to what was asked for; 0.0.0.0 and :: mean this host, and a program may have redirected it. */
static __always_inline bool connect__agrees(const struct rg_net_event *e, const void *address)
{
	struct sockaddr_any any = {};

	if (bpf_probe_read_user(&any, 16, address))
		return false;
	return (any.family != AF_INET && any.family != AF_INET6) || __builtin_bswap16(any.port) == e->peer_port;
}

/*
 * connect; sendto with MSG_FASTOPEN is told as one by on_send. A unix peer's name is the one its own socket has. A
 * connection that went on (in progress, interrupted) is the socket's word, whatever the call returned.
 */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_connect, struct pt_regs *regs, long ret)
{
	struct sock *sk = sock__of((int)ARG0(regs));
	struct rg_net_event *e;
	struct call c = {};
	void *address = (void *)ARG1(regs);
	bool agrees = true;
	__u32 size = sizeof(*e);

	if (!sk) {
		if (ret != -EBADF && ret != -ENOTSOCK)
			connect__as_asked(ret, address, (int)ARG2(regs));
		return 0;
	}
	if (!call__begin(&c, RG_CONNECT, RG_CLASS_NETWORK, ret))
		return 0;
	e = (void *)c.s->out;
	sock__fill(e, sk);
	if (e->family == AF_UNIX) {
		struct sock *peer = ret ? NULL : BPF_CORE_READ((struct unix_sock *)sk, peer);

		if (peer) {
			e->path_len = unix__kept_name(c.s, peer);
		} else {
			e->path_len = unix__name(c.s, address + 2, (__s64)(int)ARG2(regs) - 2, true);
			e->h.flags |= RG_F_UNVERIFIED;
		}
		size += e->path_len;
	} else if ((e->family != AF_INET && e->family != AF_INET6) || (ret == 0 && !e->peer_port)) {
		scratch__leave(c.s);	/* netlink and the like, or a socket being disconnected */
		return 0;
	} else if (ret < 0 && (BPF_CORE_READ(sk, sk_type) != SOCK_STREAM ||
			       BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_CLOSE)) {
		peer__from_user(e, address);
	} else {
		e->h.flags &= ~RG_F_FAILED;
		agrees = connect__agrees(e, address);
	}
	call__send_vital(&c, size);
	if (!agrees)
		connect__as_asked(ret, address, (int)ARG2(regs));
	return 0;
}

/* What it execs from now on is a server's doing, whether or not there is room to tell of the call itself. */
static __always_inline void task__serves(void)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct rg_task *t = bpf_map_lookup_elem(&tasks, &tgid);

	if (t)
		t->serves = 1;
}

/* accept, accept4: the new descriptor's own socket. */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_accept, struct pt_regs *regs, long ret)
{
	struct rg_net_event *e;
	struct call c = {};
	struct sock *sk;

	if (ret < 0)
		return 0;
	task__serves();
	sk = sock__of(ret);
	if (!sk) {
		call__unseen(RG_CLASS_NETWORK);
		return 0;
	}
	if (!call__begin(&c, RG_ACCEPT, RG_CLASS_NETWORK, ret))
		return 0;
	e = (void *)c.s->out;
	sock__fill(e, sk);
	call__send_bulk(&c, sizeof(*e));
	return 0;
}

static __always_inline int local_end(struct pt_regs *regs, long ret, __u16 kind)
{
	struct sock *sk = sock__of((int)ARG0(regs));
	struct rg_net_event *e;
	struct call c = {};
	__u32 size = sizeof(*e);

	if (!sk) {
		if (ret >= 0)
			call__unseen(RG_CLASS_NETWORK);
		return 0;
	}
	if (!call__begin(&c, kind, RG_CLASS_NETWORK, ret))
		return 0;
	e = (void *)c.s->out;
	sock__fill(e, sk);
	if (e->family == AF_UNIX) {
		e->path_len = unix__kept_name(c.s, sk);
		size += e->path_len;
	} else if (e->family != AF_INET && e->family != AF_INET6) {
		scratch__leave(c.s);
		return 0;
	}
	call__send_vital(&c, size);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_bind, struct pt_regs *regs, long ret)
{
	return local_end(regs, ret, RG_BIND);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_listen, struct pt_regs *regs, long ret)
{
	if (ret >= 0)
		task__serves();
	return local_end(regs, ret, RG_LISTEN);
}
