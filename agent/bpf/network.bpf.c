// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Network: who is connected to, who is let in, what listens. */
#include "network.h"
#include "syscall.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define EBADF 9
#define ENOTSOCK 88

/* connect; sendto with MSG_FASTOPEN is told as one by on_send. */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_connect, struct pt_regs *regs, long ret)
{
	struct asked asked = { .user = true };
	struct call c = {};
	struct sock *sk;

	call__read(&c, regs, ret);
	sk = sock__of((int)c.a.v[0]);
	asked.address = (void *)c.a.v[1];
	asked.len = c.a.v[2];
	if (sk)
		connect__tell(&c, sk, &asked);
	else if (c.ret != -EBADF && c.ret != -ENOTSOCK)
		connect__as_asked(&c, &asked);
	return 0;
}

/* accept, accept4 */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_accept, struct pt_regs *regs, long ret)
{
	struct call c = {};

	call__read(&c, regs, ret);
	if (c.ret >= 0)
		accept__tell(&c, sock__of(c.ret));
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_bind, struct pt_regs *regs, long ret)
{
	struct call c = {};

	call__read(&c, regs, ret);
	local__tell(&c, sock__of((int)c.a.v[0]), RG_BIND);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_listen, struct pt_regs *regs, long ret)
{
	struct call c = {};

	call__read(&c, regs, ret);
	local__tell(&c, sock__of((int)c.a.v[0]), RG_LISTEN);
	return 0;
}
