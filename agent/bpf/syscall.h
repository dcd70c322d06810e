/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * How a handler of a system call finds its arguments. It is a tp_btf/sys_exit program that sys_exit tail-calls by number,
 * so an unwatched process costs one map look-up and an unrelated call one failed tail call. At exit the argument
 * registers still hold what the caller passed, and the object the call made can be read from the kernel.
 */
#ifndef RG_SYSCALL_H
#define RG_SYSCALL_H

#include "call.h"
#include "numbers.h"

#define TS_COMPAT 2

/* The number alone, without reading memory: what the dispatcher needs. The kernel too looks at 32 bits only. */
static __always_inline __u32 call__number(struct pt_regs *regs, bool compat)
{
	__u32 nr = regs->orig_ax;

	if (compat)
		return number__of_i386(nr, regs->bx);
	return nr & X32_BIT || nr >= X32_FIRST ? number__of_x32(nr & ~X32_BIT) : nr;
}

static __always_inline bool task__compat(struct task_struct *task)
{
	return BPF_CORE_READ(task, thread_info.status) & TS_COMPAT;
}

/*
 * socketcall keeps its arguments in the caller's memory, where another thread can change them meanwhile: flagged. send is
 * a sendto without an address.
 */
static __always_inline void args__of_socketcall(struct call *c, __u32 sub, __u64 block)
{
	__u32 words[6] = {};
	int i;

	c->flags |= RG_F_UNVERIFIED;
	if (bpf_probe_read_user(words, sizeof(words), (void *)block) && bpf_probe_read_user(words, 12, (void *)block)) {
		__u32 tgid = bpf_get_current_pid_tgid() >> 32;
		struct rg_task *t = bpf_map_lookup_elem(&tasks, &tgid);

		if (t)
			loss__count(t->slot, RG_CLASS_NETWORK, RG_LOSS_COMPAT);
		words[0] = ~0u;	/* no descriptor */
	}
	for (i = 0; i < 6; i++)
		c->a.v[i] = words[i];
	if (sub == 9)
		c->a.v[4] = 0;
}

/* First in every handler: which call it was, and its arguments. */
static __always_inline void call__read(struct call *c, struct pt_regs *regs, long ret)
{
	bool compat;

	c->task = (void *)bpf_get_current_task();
	compat = task__compat(c->task);
	c->a.nr = call__number(regs, compat);
	c->ret = ret;
	if (!compat) {
		c->a.v[0] = regs->di;
		c->a.v[1] = regs->si;
		c->a.v[2] = regs->dx;
		c->a.v[3] = regs->r10;
		c->a.v[4] = regs->r8;
		c->a.v[5] = regs->r9;
		c->a.narrow = (__u32)regs->orig_ax != c->a.nr;
		if (c->a.narrow)
			c->flags |= RG_F_COMPAT;
		return;
	}
	c->ret = (int)ret;
	c->a.narrow = true;
	c->flags |= RG_F_COMPAT;
	if ((__u32)regs->orig_ax == I386_socketcall) {
		args__of_socketcall(c, regs->bx, (__u32)regs->cx);
		return;
	}
	c->a.v[0] = (__u32)regs->bx;
	c->a.v[1] = (__u32)regs->cx;
	c->a.v[2] = (__u32)regs->dx;
	c->a.v[3] = (__u32)regs->si;
	c->a.v[4] = (__u32)regs->di;
	c->a.v[5] = (__u32)regs->bp;
}

#endif
