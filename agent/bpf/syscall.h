/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What every system call handler shares. A handler is a tp_btf/sys_exit program that sys_exit tail-calls by number, so
 * an unwatched process costs one map look-up and an unrelated call one failed tail call. At exit the argument
 * registers still hold what the caller passed, and the object the call made can be read from the kernel.
 */
#ifndef RG_SYSCALL_H
#define RG_SYSCALL_H

#include "path.h"

#define ARG0(regs) BPF_CORE_READ(regs, di)
#define ARG1(regs) BPF_CORE_READ(regs, si)
#define ARG2(regs) BPF_CORE_READ(regs, dx)
#define ARG3(regs) BPF_CORE_READ(regs, r10)
#define ARG4(regs) BPF_CORE_READ(regs, r8)

struct call {
	struct task_struct *task;
	struct rg_scratch *s;
	__u64 now;
	__u32 slot;
	__u32 class;
};

/* Takes a token and the scratch, fills the header; false: not watched, or counted as lost. */
static __always_inline bool call__begin(struct call *c, __u16 kind, __u32 class, long ret)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct rg_slot *slot = NULL;
	struct rg_task *t = task__watched(tgid, &slot);
	struct rg_header *h;

	if (!t)
		return false;
	c->task = (void *)bpf_get_current_task();
	c->slot = t->slot;
	c->class = class;
	c->now = bpf_ktime_get_boot_ns();
	if (!slot__take(slot, t->slot, class, c->now))
		return false;
	c->s = scratch__enter(t->slot, class);
	if (!c->s)
		return false;
	h = (void *)c->s->out;
	header__fill(h, kind, c->task, t, slot, c->now);
	h->ret = ret;
	if (ret < 0)
		h->flags |= RG_F_FAILED;
	return true;
}

/* True when the ring took it. */
static __always_inline bool call__send_bulk(struct call *c, __u32 size)
{
	bool sent = sample__send_bulk(c->s, size, c->slot, c->class, c->now);

	scratch__leave(c->s);
	return sent;
}

/* Done, but its object cannot be read: another thread closed or replaced the descriptor meanwhile. */
static __always_inline void call__unseen(__u32 class)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct rg_task *t = bpf_map_lookup_elem(&tasks, &tgid);

	if (t)
		loss__count(t->slot, class, RG_LOSS_UNSEEN);
}

static __always_inline void call__send_vital(struct call *c, __u32 size)
{
	sample__send_vital(c->s, size, c->slot, c->class);
	scratch__leave(c->s);
}

#endif
