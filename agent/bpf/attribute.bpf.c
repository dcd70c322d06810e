// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* What files are beside their content: mode, owner. */
#include "object.h"
#include "syscall.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

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
