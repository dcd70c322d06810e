// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Messages: where datagrams go, and streams that connect by sending. */
#include "socket.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define MSG_FASTOPEN 0x20000000
#define RG_PEER_FAILED (1u << 16)	/* beside the protocol in a peer's key */
#define RG_MESSAGES 8		/* of one sendmmsg that are looked at; more are counted as unseen */
#define NR_sendto 44
#define NR_sendmsg 46

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
