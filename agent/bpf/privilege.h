/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Privilege events as they are told, and what a process's credentials were when they were last looked at. */
#ifndef RG_PRIVILEGE_H
#define RG_PRIVILEGE_H

#include "call.h"

/* An event without texts yet; NULL: not watched, or counted as lost. */
static __always_inline struct rg_privilege_event *privilege__begin(struct call *c, __u32 operation, __u64 argument, __u32 target)
{
	struct rg_privilege_event *e;

	if (!call__begin(c, RG_PRIVILEGE, RG_CLASS_PRIVILEGE))
		return NULL;
	e = (void *)c->s->out;
	e->argument = argument;
	e->operation = operation;
	e->target = target;
	e->path_len = 0;
	e->path2_len = 0;
	e->pad = 0;
	return e;
}

static __always_inline __u32 privilege__text(struct rg_scratch *s, __u64 at, const void *from, bool user)
{
	long got;

	barrier_reg(at);
	if (at >= RG_OUT_MAX)
		return 0;
	got = name__read(&s->out[at], RG_PATH_MAX, from, user);
	return got > 1 ? (got - 1) & (RG_PATH_MAX - 1) : 0;
}

struct credentials {
	__u64 caps;	/* effective */
	__u32 euid;
	__u32 egid;
};

/* kernel_cap_t is 64 bits in two halves before 6.3 and in one since; on this machine the bytes are the same. */
static __always_inline void credentials__read(struct credentials *to, struct task_struct *task)
{
	const struct cred *cred = BPF_CORE_READ(task, cred);

	bpf_probe_read_kernel(&to->caps, sizeof(to->caps), (void *)cred + bpf_core_field_offset(((struct cred *)0)->cap_effective));
	to->euid = BPF_CORE_READ(cred, euid.val);
	to->egid = BPF_CORE_READ(cred, egid.val);
}

/*
 * Remembers what the process may do now; the capabilities it had not when it was last looked at. Threads share one
 * memory: where they differ, the last that changed counts.
 */
static __always_inline __u64 credentials__gained(struct rg_task *t, const struct credentials *now)
{
	__u64 gained = t->caps_known ? now->caps & ~t->caps : 0;

	t->caps = now->caps;
	t->euid = now->euid;
	t->caps_known = 1;
	return gained;
}

#endif
