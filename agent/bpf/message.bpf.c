// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Messages: where datagrams go, and streams that connect by sending. */
#include "message.h"
#include "syscall.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

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
	struct asked asked = { .user = true };
	struct sock *sk;

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
	asked.address = c.a.nr == NR_sendto ? (void *)c.a.v[4] : msghdr__name((void *)c.a.v[1], c.a.narrow);
	message__send(&c, sk, &send, &asked);
	return 0;
}

/* sendmmsg: each of its first messages as on_send does. */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_send_many, struct pt_regs *regs, long ret)
{
	struct send send = {};
	struct call c = {};
	struct asked asked = { .user = true };
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
		asked.address = msghdr__name((void *)at, c.a.narrow);
		message__send(&c, sk, &send, &asked);
		at += c.a.narrow ? MMSGHDR_NARROW_SIZE : MMSGHDR_SIZE;
	}
	return 0;
}
