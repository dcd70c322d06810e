/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What a process did, being told: a system call or an io_uring request, from its result to the ring. */
#ifndef RG_CALL_H
#define RG_CALL_H

#include "path.h"

/* One call as the x86-64 table knows it. */
struct args {
	__u32 nr;
	bool narrow;	/* structures in the caller's memory have 32-bit pointers */
	__u64 v[6];
};

struct call {
	struct args a;	/* of a system call */
	struct task_struct *task;
	struct rg_scratch *s;
	long ret;
	__u64 now;
	__u32 slot;
	__u32 class;
	__u32 flags;	/* of the header, known before there is one */
};

/* Takes the scratch and fills the header, with or without a token; false: not watched, or counted as lost. */
static __always_inline bool call__enter(struct call *c, __u16 kind, __u32 class, bool token)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct rg_slot *slot = NULL;
	struct rg_task *t = task__watched(tgid, &slot);
	struct rg_header *h;

	if (!t)
		return false;
	c->slot = t->slot;
	c->class = class;
	c->now = bpf_ktime_get_boot_ns();
	if (token && !slot__take(slot, t->slot, class, c->now))
		return false;
	c->s = scratch__enter(t->slot, class);
	if (!c->s)
		return false;
	h = (void *)c->s->out;
	header__fill(h, kind, c->task, t, slot, c->now);
	h->ret = c->ret;
	h->flags = c->flags;
	if (c->ret < 0)
		h->flags |= RG_F_FAILED;
	return true;
}

static __always_inline bool call__begin(struct call *c, __u16 kind, __u32 class)
{
	return call__enter(c, kind, class, true);
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
