// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* What files are beside their content: mode, owner, extended attributes. */
#include "object.h"
#include "syscall.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define RG_ATTRIBUTE_MAX 256	/* XATTR_NAME_MAX and its end */

/* chmod, fchmod, fchmodat, fchmodat2 */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_chmod, struct pt_regs *regs, long ret)
{
	struct rg_file_event *e;
	struct call c = {};
	bool plain, by_fd;

	call__read(&c, regs, ret);
	plain = c.a.nr == NR_chmod;
	by_fd = c.a.nr == NR_fchmod;
	e = object__begin(&c, RG_CHMOD, by_fd, plain ? AT_FDCWD : (int)c.a.v[0], plain ? c.a.v[0] : c.a.v[1]);
	if (!e)
		return 0;
	e->mode = plain || by_fd ? c.a.v[1] : c.a.v[2];
	call__send_bulk(&c, sizeof(*e) + e->path_len);
	return 0;
}

/* chown, fchown, lchown, fchownat */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_chown, struct pt_regs *regs, long ret)
{
	struct rg_file_event *e;
	struct call c = {};
	bool plain, by_fd;

	call__read(&c, regs, ret);
	plain = c.a.nr == NR_chown || c.a.nr == NR_lchown;
	by_fd = c.a.nr == NR_fchown;
	e = object__begin(&c, RG_CHOWN, by_fd, plain ? AT_FDCWD : (int)c.a.v[0], plain ? c.a.v[0] : c.a.v[1]);
	if (!e)
		return 0;
	e->uid = plain || by_fd ? c.a.v[1] : c.a.v[2];
	e->gid = plain || by_fd ? c.a.v[2] : c.a.v[3];
	call__send_bulk(&c, sizeof(*e) + e->path_len);
	return 0;
}

/*
 * setxattr, lsetxattr, fsetxattr, setxattrat, and the calls that remove: file capabilities are one. The second path is the
 * attribute's name, in the caller's words.
 */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_xattr, struct pt_regs *regs, long ret)
{
	struct rg_file_event *e;
	struct call c = {};
	bool by_fd, below;
	__u64 at;
	long got;

	call__read(&c, regs, ret);
	by_fd = c.a.nr == NR_fsetxattr || c.a.nr == NR_fremovexattr;
	below = c.a.nr == NR_setxattrat || c.a.nr == NR_removexattrat;
	e = object__begin(&c, RG_SETXATTR, by_fd, by_fd || below ? (int)c.a.v[0] : AT_FDCWD, below ? c.a.v[1] : c.a.v[0]);
	if (!e)
		return 0;
	at = sizeof(*e) + e->path_len;
	barrier_reg(at);
	if (at < RG_OUT_MAX) {
		got = bpf_probe_read_user_str(&c.s->out[at], RG_ATTRIBUTE_MAX, (void *)(below ? c.a.v[3] : c.a.v[1]));
		if (got > 1)
			e->path2_len = got - 1;
	}
	call__send_bulk(&c, at + e->path2_len);
	return 0;
}
