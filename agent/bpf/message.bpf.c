// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Messages: where datagrams go, and streams that connect by sending. */
#include "socket.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define MSG_FASTOPEN 0x20000000
#define RG_PEER_FAILED (1u << 16)	/* beside the protocol in a peer's key */
#define RG_MESSAGES 8		/* of one sendmmsg that are looked at; more are counted as unseen */

/* struct msghdr's first two members, and the size of struct mmsghdr, with 64-bit and with 32-bit pointers. */
struct msghdr_user {
	__u64 name;
	__u32 name_len;
};

struct msghdr_narrow {
	__u32 name;
	__u32 name_len;
};

#define MMSGHDR_SIZE 64
#define MMSGHDR_NARROW_SIZE 32

/* The address a struct msghdr of the caller names, or NULL. */
static __always_inline const void *msghdr__name(const void *header, bool narrow)
{
	struct msghdr_narrow small = {};
	struct msghdr_user wide = {};

	if (narrow) {
		bpf_probe_read_user(&small, sizeof(small), header);
		return (void *)(__u64)small.name;
	}
	bpf_probe_read_user(&wide, sizeof(wide), header);
	return (void *)wide.name;
}

struct send {
	bool datagram;
};

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
static __always_inline void message__send(struct call *c, struct sock *sk, const struct send *send, const void *name)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct rg_net_event *e, peer = {};
	struct rg_peer_key key = {};
	struct rg_task *t = bpf_map_lookup_elem(&tasks, &tgid);

	if (!t)
		return;
	sock__fill(&peer, sk);
	if (name && (send->datagram || c->ret < 0))
		peer__from_user(&peer, name);
	if (!peer.peer_port)
		return;
	if (send->datagram) {
		peer__key(&key, &peer, t, c->ret);
		if (bpf_map_lookup_elem(&peers, &key))
			return;
	}
	if (!call__begin(c, send->datagram ? RG_SEND : RG_CONNECT, RG_CLASS_NETWORK))
		return;
	e = (void *)c->s->out;
	e->h.flags |= peer.h.flags;
	__builtin_memcpy(&e->peer, &peer.peer, sizeof(*e) - sizeof(e->h));
	if (!send->datagram)
		call__send_vital(c, sizeof(*e));
	else if (call__send_bulk(c, sizeof(*e)))
		bpf_map_update_elem(&peers, &key, &c->now, BPF_ANY);
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
	struct send send = {};
	struct call c = {};
	struct sock *sk;
	const void *name;

	call__read(&c, regs, ret);
	sk = sock__of((int)c.a.v[0]);
	if (!sk) {
		/* write-like calls on other descriptors do not come here; what was sent, was sent by a socket */
		if (c.ret >= 0)
			call__unseen(RG_CLASS_NETWORK);
		return 0;
	}
	if (!send__of(&send, sk, c.a.nr == NR_sendmsg ? c.a.v[2] : c.a.v[3]))
		return 0;
	name = c.a.nr == NR_sendto ? (void *)c.a.v[4] : msghdr__name((void *)c.a.v[1], c.a.narrow);
	message__send(&c, sk, &send, name);
	return 0;
}

/* sendmmsg: each of its first messages as on_send does. */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_send_many, struct pt_regs *regs, long ret)
{
	struct send send = {};
	struct call c = {};
	struct sock *sk;
	__u64 at;
	int i;

	call__read(&c, regs, ret);
	sk = sock__of((int)c.a.v[0]);
	if (!sk) {
		if (c.ret >= 0)
			call__unseen(RG_CLASS_NETWORK);
		return 0;
	}
	if (!send__of(&send, sk, c.a.v[3]))
		return 0;
	if (c.ret > RG_MESSAGES)
		call__unseen(RG_CLASS_NETWORK);
	at = c.a.v[1];
#pragma clang loop unroll(disable)
	for (i = 0; i < RG_MESSAGES; i++) {
		if (i && i >= c.ret)
			break;
		message__send(&c, sk, &send, msghdr__name((void *)at, c.a.narrow));
		at += c.a.narrow ? MMSGHDR_NARROW_SIZE : MMSGHDR_SIZE;
	}
	return 0;
}
