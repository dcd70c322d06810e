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
#define EBADF 9
#define ENOTSOCK 88
#define TCP_CLOSE 7
#define RG_MESSAGES 8		/* of one sendmmsg that are looked at; more are counted as unseen */
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

struct mmsghdr_user {
	struct msghdr_user header;
	__u8 rest[48];		/* of struct msghdr, and msg_len */
};

struct send {
	bool datagram;
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
		e->family = AF_INET6;
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

static __always_inline void peer__key(struct rg_peer_key *key, struct rg_net_event *e, struct rg_task *t, long ret)
{
	key->slot = t->slot;
	key->generation = t->generation;
	key->port = e->peer_port;
	key->family = e->family;
	key->protocol = e->protocol | (ret < 0 ? RG_PEER_FAILED : 0);
	__builtin_memcpy(key->peer, e->peer, 16);
}

/* One message of a send. */
static __always_inline void message__send(struct sock *sk, const struct send *send, const void *name, long ret)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct rg_net_event *e, peer = {};
	struct rg_peer_key key = {};
	struct rg_task *t = bpf_map_lookup_elem(&tasks, &tgid);
	struct call c = {};

	if (!t)
		return;
	sock__fill(&peer, sk);
	if (name && (send->datagram || ret < 0))
		peer__from_user(&peer, name);
	if (!peer.peer_port)
		return;
	if (send->datagram) {
		peer__key(&key, &peer, t, ret);
		if (bpf_map_lookup_elem(&peers, &key))
			return;
	}
	if (!call__begin(&c, send->datagram ? RG_SEND : RG_CONNECT, RG_CLASS_NETWORK, ret))
		return;
	e = (void *)c.s->out;
	e->h.flags |= peer.h.flags;
	__builtin_memcpy(&e->peer, &peer.peer, sizeof(*e) - sizeof(e->h));
	if (!send->datagram)
		call__send_vital(&c, sizeof(*e));
	else if (call__send_bulk(&c, sizeof(*e)))
		bpf_map_update_elem(&peers, &key, &c.now, BPF_ANY);
}

/* Whether the socket is one whose sends name peers: a datagram socket, or a stream one that connects by sending. */
static __always_inline bool send__of(struct send *send, struct sock *sk, __u64 flags)
{
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
	__u16 type = BPF_CORE_READ(sk, sk_type);

	send->datagram = type == SOCK_DGRAM;
	return (family == AF_INET || family == AF_INET6) &&
	       (send->datagram || (type == SOCK_STREAM && flags & MSG_FASTOPEN));
}

/*
 * sendto, sendmsg: a new peer is an event, the next datagram to it is not and takes no token, so talking to a known peer
 * cannot use up what a connect needs. A peer counts as told only when the ring took it; one that failed is told again when
 * it works. Misses: raw and ping sockets, which have no port.
 */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_send, struct pt_regs *regs, long ret)
{
	struct sock *sk = sock__of((int)ARG0(regs));
	__u64 nr = BPF_CORE_READ(regs, orig_ax);
	struct msghdr_user header = {};
	struct send send = {};

	if (!sk) {
		/* write-like calls on other descriptors do not come here; what was sent, was sent by a socket */
		if (ret >= 0)
			call__unseen(RG_CLASS_NETWORK);
		return 0;
	}
	if (!send__of(&send, sk, nr == NR_sendmsg ? ARG2(regs) : ARG3(regs)))
		return 0;
	if (nr == NR_sendto)
		header.name = (void *)ARG4(regs);
	else
		bpf_probe_read_user(&header, sizeof(header), (void *)ARG1(regs));
	message__send(sk, &send, header.name, ret);
	return 0;
}

/* sendmmsg: each of its first messages as on_send does. */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_send_many, struct pt_regs *regs, long ret)
{
	struct sock *sk = sock__of((int)ARG0(regs));
	const struct mmsghdr_user *messages = (void *)ARG1(regs);
	struct send send = {};
	int i;

	if (!sk) {
		if (ret >= 0)
			call__unseen(RG_CLASS_NETWORK);
		return 0;
	}
	if (!send__of(&send, sk, ARG3(regs)))
		return 0;
	if (ret > RG_MESSAGES)
		call__unseen(RG_CLASS_NETWORK);
#pragma clang loop unroll(disable)
	for (i = 0; i < RG_MESSAGES; i++) {
		struct mmsghdr_user message = {};

		if (i && i >= ret)
			break;
		bpf_probe_read_user(&message, sizeof(message), messages + i);
		message__send(sk, &send, message.header.name, ret);
	}
	return 0;
}
