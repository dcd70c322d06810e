// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Network: who is connected to, who is let in, what listens, where datagrams go. */
#include "syscall.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define MSG_FASTOPEN 0x20000000
#define RG_PEER_FAILED (1u << 16)	/* beside the protocol in a peer's key */
#define EINPROGRESS 115
#define UNIX_PATH_MAX 108
#define NR_sendto 44
#define NR_sendmsg 46

struct sockaddr_any {
	__u16 family;
	__be16 port;
	__u8 rest[24];
};

struct msghdr_user {
	void *name;
	__u32 name_len;
};

static __always_inline struct sock *sock__of(int fd)
{
	struct file *file = file__of((void *)bpf_get_current_task(), fd);
	struct socket *socket;

	if (!file || !inode__is(BPF_CORE_READ(file, f_inode), S_IFSOCK))
		return NULL;
	socket = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(socket, sk);
}

static __always_inline void sock__fill(struct rg_net_event *e, struct sock *sk)
{
	__builtin_memset(&e->peer, 0, sizeof(*e) - sizeof(e->h));
	e->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	e->protocol = BPF_CORE_READ(sk, sk_protocol);
	e->net_ns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	if (e->family == AF_INET) {
		BPF_CORE_READ_INTO((__u32 *)e->peer, sk, __sk_common.skc_daddr);
		BPF_CORE_READ_INTO((__u32 *)e->local, sk, __sk_common.skc_rcv_saddr);
	} else if (e->family == AF_INET6) {
		BPF_CORE_READ_INTO((struct in6_addr *)e->peer, sk, __sk_common.skc_v6_daddr);
		BPF_CORE_READ_INTO((struct in6_addr *)e->local, sk, __sk_common.skc_v6_rcv_saddr);
	}
	if (e->family != AF_UNIX) {
		e->peer_port = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
		e->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	}
}

/*
 * The caller's address, when the socket keeps none: the call failed, or a datagram names its own. As the kernel does it:
 * a v4 socket takes whatever family is named as v4, a v6 one also takes v4, and anything else leaves the socket's peer.
 */
static __always_inline void peer__from_user(struct rg_net_event *e, const void *address)
{
	struct sockaddr_any any = {};

	e->h.flags |= RG_F_UNVERIFIED;
	if (bpf_probe_read_user(&any, 16, address))
		return;
	if (e->family == AF_INET || any.family == AF_INET) {
		e->family = AF_INET;
		e->peer_port = __builtin_bswap16(any.port);
		__builtin_memset(e->peer, 0, sizeof(e->peer));
		__builtin_memcpy(e->peer, any.rest, 4);
	} else if (any.family == AF_INET6) {
		e->peer_port = __builtin_bswap16(any.port);
		bpf_probe_read_user(e->peer, 16, address + 8);
	}
}

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

/* connect; sendto with MSG_FASTOPEN is told as one by on_send. A unix peer's name is the one its own socket has. */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_connect, struct pt_regs *regs, long ret)
{
	struct sock *sk = sock__of((int)ARG0(regs));
	struct rg_net_event *e;
	struct call c = {};
	void *address = (void *)ARG1(regs);
	__u32 size = sizeof(*e);

	if (!sk || !call__begin(&c, RG_CONNECT, RG_CLASS_NETWORK, ret))
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
	} else if (ret < 0 && ret != -EINPROGRESS) {
		peer__from_user(e, address);
	} else {
		e->h.flags &= ~RG_F_FAILED;
	}
	call__send_vital(&c, size);
	return 0;
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
	sk = sock__of(ret);
	if (!sk || !call__begin(&c, RG_ACCEPT, RG_CLASS_NETWORK, ret))
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

	if (!sk || !call__begin(&c, kind, RG_CLASS_NETWORK, ret))
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
	return local_end(regs, ret, RG_LISTEN);
}

static __always_inline void peer__key(struct rg_peer_key *key, struct rg_net_event *e, struct rg_task *t, long ret)
{
	key->slot = t->slot;
	key->generation = t->generation;
	key->port = e->peer_port;
	key->family = e->family;
	key->protocol = e->protocol | (ret < 0 ? RG_PEER_FAILED : 0);
	__builtin_memcpy(key->peer, e->peer, 16);
}

/*
 * sendto, sendmsg, sendmmsg of datagrams: a new peer is an event, the next datagram to it is not and takes no token, so
 * talking to a known peer cannot use up what a connect needs. A peer counts as told only when it was; one that failed is
 * told again when it works. Misses: all but the first message of sendmmsg; raw and ping sockets, which have no port.
 */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_send, struct pt_regs *regs, long ret)
{
	struct sock *sk = sock__of((int)ARG0(regs));
	__u64 nr = BPF_CORE_READ(regs, orig_ax);
	__u64 flags = nr == NR_sendmsg ? ARG2(regs) : ARG3(regs);
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct msghdr_user header = {};
	struct rg_net_event *e, peer = {};
	struct rg_peer_key key = {};
	struct rg_task *t;
	struct call c = {};
	__u16 family, type;

	if (!sk)
		return 0;
	type = BPF_CORE_READ(sk, sk_type);
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	if (family != AF_INET && family != AF_INET6)
		return 0;
	if (type != SOCK_DGRAM && !(type == SOCK_STREAM && flags & MSG_FASTOPEN))
		return 0;
	t = bpf_map_lookup_elem(&tasks, &tgid);
	if (!t)
		return 0;
	sock__fill(&peer, sk);
	if (nr == NR_sendto)
		header.name = (void *)ARG4(regs);
	else
		bpf_probe_read_user(&header, sizeof(header), (void *)ARG1(regs));
	if (header.name && (type == SOCK_DGRAM || ret < 0))
		peer__from_user(&peer, header.name);
	if (!peer.peer_port)
		return 0;
	if (type == SOCK_DGRAM) {
		peer__key(&key, &peer, t, ret);
		if (bpf_map_lookup_elem(&peers, &key))
			return 0;
	}
	if (!call__begin(&c, type == SOCK_DGRAM ? RG_SEND : RG_CONNECT, RG_CLASS_NETWORK, ret))
		return 0;
	e = (void *)c.s->out;
	e->h.flags |= peer.h.flags;
	__builtin_memcpy(&e->peer, &peer.peer, sizeof(*e) - sizeof(e->h));
	if (type != SOCK_DGRAM) {
		call__send_vital(&c, sizeof(*e));
		return 0;
	}
	if (bpf_map_update_elem(&peers, &key, &c.now, BPF_ANY))
		loss__count(c.slot, RG_CLASS_NETWORK, RG_LOSS_PEERS_FULL);
	call__send_bulk(&c, sizeof(*e));
	return 0;
}
