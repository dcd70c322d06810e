/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Sockets as programs see them: by descriptor, by the kernel's words, by the caller's. */
#ifndef RG_SOCKET_H
#define RG_SOCKET_H

#include "syscall.h"

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
#define SOCK_DGRAM 2

struct sockaddr_any {
	__u16 family;
	__be16 port;
	__u8 rest[24];
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

#endif
