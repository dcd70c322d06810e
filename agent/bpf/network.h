/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Connections as they are told, whoever made them: a system call or an io_uring request. */
#ifndef RG_NETWORK_H
#define RG_NETWORK_H

#include "socket.h"

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
static __always_inline void connect__as_asked(struct call *c, const struct asked *asked)
{
	struct rg_net_event *e;
	__u16 family = 0;
	__u32 size = sizeof(*e);

	if (!call__begin(c, RG_CONNECT, RG_CLASS_NETWORK))
		return;
	e = (void *)c->s->out;
	__builtin_memset(&e->peer, 0, sizeof(*e) - sizeof(e->h));
	e->h.flags |= RG_F_UNVERIFIED | RG_F_FD_RACED;
	asked__read(asked, &family, sizeof(family), 0);
	if (family == AF_UNIX) {
		e->family = family;
		e->path_len = unix__name(c->s, asked->address + 2, (__s64)asked->len - 2, asked->user);
		size += e->path_len;
	} else {
		peer__as_asked(e, asked);
		if (!e->peer_port) {
			scratch__leave(c->s);
			call__unseen(RG_CLASS_NETWORK);
			return;
		}
	}
	call__send_vital(c, size);
}

/* Whether a socket is connected to what was asked for; 0.0.0.0 and :: mean this host, and a program may have redirected it. */
static __always_inline bool connect__agrees(const struct rg_net_event *e, const struct asked *asked)
{
	struct sockaddr_any any = {};

	if (asked__read(asked, &any, 16, 0))
		return false;
	return (any.family != AF_INET && any.family != AF_INET6) || __builtin_bswap16(any.port) == e->peer_port;
}

/*
 * A unix peer's name is the one its own socket has. A connection that went on (in progress, interrupted) is the socket's
 * word, whatever the call returned.
 */
static __always_inline void connect__tell(struct call *c, struct sock *sk, const struct asked *asked)
{
	struct rg_net_event *e;
	bool agrees = true;
	__u32 size = sizeof(*e);

	if (!call__begin(c, RG_CONNECT, RG_CLASS_NETWORK))
		return;
	e = (void *)c->s->out;
	sock__fill(e, sk);
	if (e->family == AF_UNIX) {
		struct sock *peer = c->ret ? NULL : BPF_CORE_READ((struct unix_sock *)sk, peer);

		if (peer) {
			e->path_len = unix__kept_name(c->s, peer);
		} else {
			e->path_len = unix__name(c->s, asked->address + 2, (__s64)asked->len - 2, asked->user);
			e->h.flags |= RG_F_UNVERIFIED;
		}
		size += e->path_len;
	} else if ((e->family != AF_INET && e->family != AF_INET6) || (c->ret == 0 && !e->peer_port)) {
		scratch__leave(c->s);	/* netlink and the like, or a socket being disconnected */
		return;
	} else if (c->ret < 0 && (BPF_CORE_READ(sk, sk_type) != SOCK_STREAM ||
				  BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_CLOSE)) {
		peer__as_asked(e, asked);
	} else {
		e->h.flags &= ~RG_F_FAILED;
		agrees = connect__agrees(e, asked);
	}
	call__send_vital(c, size);
	if (!agrees)
		connect__as_asked(c, asked);
}

/* What it execs from now on is a server's doing, whether or not there is room to tell of the call itself. */
static __always_inline void task__serves(void)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct rg_task *t = bpf_map_lookup_elem(&tasks, &tgid);

	if (t)
		t->serves = 1;
}

/* A connection let in: the new descriptor's own socket. */
static __always_inline void accept__tell(struct call *c, struct sock *sk)
{
	struct rg_net_event *e;

	task__serves();
	if (!sk) {
		call__unseen(RG_CLASS_NETWORK);
		return;
	}
	if (!call__begin(c, RG_ACCEPT, RG_CLASS_NETWORK))
		return;
	e = (void *)c->s->out;
	sock__fill(e, sk);
	call__send_bulk(c, sizeof(*e));
}

/* bind and listen: what the socket is at this end. */
static __always_inline void local__tell(struct call *c, struct sock *sk, __u16 kind)
{
	struct rg_net_event *e;
	__u32 size = sizeof(*e);

	if (kind == RG_LISTEN && c->ret >= 0)
		task__serves();
	if (!sk) {
		if (c->ret >= 0)
			call__unseen(RG_CLASS_NETWORK);
		return;
	}
	if (!call__begin(c, kind, RG_CLASS_NETWORK))
		return;
	e = (void *)c->s->out;
	sock__fill(e, sk);
	if (e->family == AF_UNIX) {
		e->path_len = unix__kept_name(c->s, sk);
		size += e->path_len;
	} else if (e->family != AF_INET && e->family != AF_INET6) {
		scratch__leave(c->s);
		return;
	}
	call__send_vital(c, size);
}

#endif
