/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Messages as they are told, whoever sent them: a system call or an io_uring request. */
#ifndef RG_MESSAGE_H
#define RG_MESSAGE_H

#include "socket.h"

#define MSG_FASTOPEN 0x20000000
#define RG_PEER_FAILED (1u << 16)	/* beside the protocol in a peer's key */

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
static __always_inline void message__send(struct call *c, struct sock *sk, const struct send *send,
					   const struct asked *asked)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct rg_net_event *e, peer = {};
	struct rg_peer_key key = {};
	struct rg_task *t = bpf_map_lookup_elem(&tasks, &tgid);

	if (!t)
		return;
	sock__fill(&peer, sk);
	if (asked->address && (send->datagram || c->ret < 0))
		peer__as_asked(&peer, asked);
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

#endif
