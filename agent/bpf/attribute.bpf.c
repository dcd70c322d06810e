// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* What files are beside their content: mode, owner, extended attributes. */
#include "object.h"
#include "syscall.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define RG_ATTRIBUTE_MAX 256	/* XATTR_NAME_MAX and its end */

/* By descriptor the kernel's file is read, by name the caller's words. */
static __always_inline int attributes(struct call *c, __u16 kind, bool by_fd, bool plain, __u32 mode, __u32 uid, __u32 gid)
{
	struct file *file = NULL;
	struct rg_file_event *e;

	if (by_fd)
		file = file__of(c->task, (int)c->a.v[0]);
	if (by_fd && !file) {
		if (c->ret >= 0)
			call__unseen(RG_CLASS_FILE_WRITE);
		return 0;
	}
	if (!call__begin(c, kind, RG_CLASS_FILE_WRITE))
		return 0;
	e = (void *)c->s->out;
	object__clear(e);
	e->mode = mode;
	e->uid = uid;
	e->gid = gid;
	if (file) {
		object__fill(e, file);
		e->path_len = path__append(c->s, sizeof(*e), file, &e->h.flags);
	} else {
		e->path_len = path__append_user(c->s, sizeof(*e), c->task, plain ? AT_FDCWD : (int)c->a.v[0],
						(void *)(plain ? c->a.v[0] : c->a.v[1]), &e->h.flags);
	}
	call__send_bulk(c, sizeof(*e) + e->path_len);
	return 0;
}

/* chmod, fchmod, fchmodat, fchmodat2 */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_chmod, struct pt_regs *regs, long ret)
{
	struct call c = {};
	bool plain, by_fd;

	call__read(&c, regs, ret);
	plain = c.a.nr == NR_chmod;
	by_fd = c.a.nr == NR_fchmod;
	return attributes(&c, RG_CHMOD, by_fd, plain, plain || by_fd ? c.a.v[1] : c.a.v[2], 0, 0);
}

/* chown, fchown, lchown, fchownat */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_chown, struct pt_regs *regs, long ret)
{
	struct call c = {};
	bool plain, by_fd;

	call__read(&c, regs, ret);
	plain = c.a.nr == NR_chown || c.a.nr == NR_lchown;
	by_fd = c.a.nr == NR_fchown;
	return attributes(&c, RG_CHOWN, by_fd, plain, 0, plain || by_fd ? c.a.v[1] : c.a.v[2],
			  plain || by_fd ? c.a.v[2] : c.a.v[3]);
}

/*
 * setxattr, lsetxattr, fsetxattr, setxattrat, and the calls that remove: file capabilities are one. The second path is the
 * attribute's name, in the caller's words.
 */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_xattr, struct pt_regs *regs, long ret)
{
	struct file *file = NULL;
	struct rg_file_event *e;
	struct call c = {};
	__u64 at = sizeof(*e);
	bool by_fd, below;
	long got;

	call__read(&c, regs, ret);
	by_fd = c.a.nr == NR_fsetxattr || c.a.nr == NR_fremovexattr;
	below = c.a.nr == NR_setxattrat || c.a.nr == NR_removexattrat;
	if (by_fd)
		file = file__of(c.task, (int)c.a.v[0]);
	if (by_fd && !file) {
		if (c.ret >= 0)
			call__unseen(RG_CLASS_FILE_WRITE);
		return 0;
	}
	if (!call__begin(&c, RG_SETXATTR, RG_CLASS_FILE_WRITE))
		return 0;
	e = (void *)c.s->out;
	object__clear(e);
	if (file) {
		object__fill(e, file);
		e->path_len = path__append(c.s, at, file, &e->h.flags);
	} else {
		e->path_len = path__append_user(c.s, at, c.task, below ? (int)c.a.v[0] : AT_FDCWD,
						(void *)(below ? c.a.v[1] : c.a.v[0]), &e->h.flags);
	}
	at += e->path_len;
	barrier_reg(at);
	if (at < RG_OUT_MAX) {
		got = bpf_probe_read_user_str(&c.s->out[at], RG_ATTRIBUTE_MAX, (void *)(below ? c.a.v[3] : c.a.v[1]));
		if (got > 1)
			e->path2_len = got - 1;
	}
	call__send_bulk(&c, at + e->path2_len);
	return 0;
}
