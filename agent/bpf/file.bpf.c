// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Files by name: opened, made, removed, renamed, linked. */
#include "object.h"
#include "syscall.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* What open was asked for. creat, open, openat, openat2 and open_by_handle_at say it in five ways. */
static __always_inline __u32 open__flags(const struct args *a)
{
	__u32 flags = 0;

	if (a->nr == NR_open)
		return a->v[1];
	if (a->nr == NR_creat)
		return O_CREAT_WRONLY_TRUNC;
	if (a->nr != NR_openat2)
		return a->v[2];
	bpf_probe_read_user(&flags, sizeof(flags), (void *)a->v[2]);
	return flags;
}

/*
 * Why at exit: the returned descriptor's file is what was opened, whatever the caller writes over the name meanwhile.
 * A descriptor that another thread closed meanwhile leaves the caller's words, flagged; one it replaced is told as what
 * it is now.
 */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_open, struct pt_regs *regs, long ret)
{
	struct file *file = NULL;
	struct rg_file_event *e;
	struct call c = {};
	__u32 mode, open_flags;
	__u64 name;
	bool plain;

	call__read(&c, regs, ret);
	if (c.ret >= 0)
		file = file__of(c.task, c.ret);
	if (file) {
		open__tell(&c, file);
		return 0;
	}
	open_flags = open__flags(&c.a);
	mode = mode__of_flags(open_flags);
	c.flags |= flags__of_mode(mode);
	if (c.ret >= 0)
		c.flags |= RG_F_FD_RACED;
	if (!call__begin(&c, RG_OPEN, class__of_mode(mode)))
		return 0;
	e = (void *)c.s->out;
	object__clear(e);
	e->open_flags = open_flags;
	plain = c.a.nr == NR_open || c.a.nr == NR_creat;
	/* A handle has no name: what failed by one has no path and is flagged. */
	name = plain ? c.a.v[0] : c.a.nr == NR_open_by_handle_at ? 0 : c.a.v[1];
	e->path_len = path__append_user(c.s, sizeof(*e), c.task, plain ? AT_FDCWD : (int)c.a.v[0], (void *)name, &e->h.flags);
	call__send_bulk(&c, sizeof(*e) + e->path_len);
	return 0;
}

/* A name below a directory: the pair at v[0] and v[1], or, of the plain calls, below the working directory. */
static __always_inline int one_name(struct call *c, __u16 kind, bool plain, __u32 mode, __u32 device)
{
	struct rg_file_event *e;

	if (!call__begin(c, kind, RG_CLASS_FILE_WRITE))
		return 0;
	e = (void *)c->s->out;
	object__clear(e);
	e->mode = mode;
	e->device = device;
	e->path_len = path__append_user(c->s, sizeof(*e), c->task, plain ? AT_FDCWD : (int)c->a.v[0],
					(void *)(plain ? c->a.v[0] : c->a.v[1]), &e->h.flags);
	call__send_bulk(c, sizeof(*e) + e->path_len);
	return 0;
}

/*
 * unlink, unlinkat, rmdir. Why at exit: the result is known. The name is the caller's: nothing is left to read of what
 * was removed.
 */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_unlink, struct pt_regs *regs, long ret)
{
	struct call c = {};

	call__read(&c, regs, ret);
	return one_name(&c, RG_UNLINK, c.a.nr == NR_unlink || c.a.nr == NR_rmdir, 0, 0);
}

/* mkdir, mkdirat, mknod, mknodat: a name that was not there before; of a device node also which device. */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_make, struct pt_regs *regs, long ret)
{
	struct call c = {};
	bool plain, directory;
	__u32 mode;

	call__read(&c, regs, ret);
	plain = c.a.nr == NR_mkdir || c.a.nr == NR_mknod;
	directory = c.a.nr == NR_mkdir || c.a.nr == NR_mkdirat;
	mode = plain ? c.a.v[1] : c.a.v[2];
	return one_name(&c, RG_CREATE, plain, directory ? (mode & ~S_IFMT) | S_IFDIR : mode,
			directory ? 0 : plain ? c.a.v[2] : c.a.v[3]);
}

static __always_inline int two_names(struct pt_regs *regs, long ret, __u16 kind)
{
	struct rg_file_event *e;
	struct call c = {};
	__u64 at = sizeof(*e);
	bool plain, symlink = kind == RG_SYMLINK;
	int from_dir, to_dir;
	const char *from, *to;

	call__read(&c, regs, ret);
	plain = c.a.nr == NR_rename || c.a.nr == NR_link || c.a.nr == NR_symlink;
	from = (void *)(plain || symlink ? c.a.v[0] : c.a.v[1]);
	to = (void *)(plain ? c.a.v[1] : symlink ? c.a.v[2] : c.a.v[3]);
	from_dir = plain || symlink ? AT_FDCWD : (int)c.a.v[0];
	to_dir = plain ? AT_FDCWD : symlink ? (int)c.a.v[1] : (int)c.a.v[2];
	if (!call__begin(&c, kind, RG_CLASS_FILE_WRITE))
		return 0;
	e = (void *)c.s->out;
	object__clear(e);
	if (symlink) {
		long got = bpf_probe_read_user_str(&c.s->out[sizeof(*e)], RG_PATH_MAX, from);

		if (got <= 0 || got == RG_PATH_MAX)
			e->h.flags |= RG_F_TRUNCATED;
		e->path_len = got > 1 ? got - 1 : 0;	/* a symlink's target is text, relative to where it lies */
		e->h.flags |= RG_F_UNVERIFIED;
	} else {
		e->path_len = path__append_user(c.s, at, c.task, from_dir, from, &e->h.flags);
	}
	at += e->path_len;
	e->path2_len = path__append_user(c.s, at, c.task, to_dir, to, &e->h.flags);
	call__send_bulk(&c, at + e->path2_len);
	return 0;
}

/* rename, renameat, renameat2 */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_rename, struct pt_regs *regs, long ret)
{
	return two_names(regs, ret, RG_RENAME);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_link, struct pt_regs *regs, long ret)
{
	return two_names(regs, ret, RG_LINK);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_symlink, struct pt_regs *regs, long ret)
{
	return two_names(regs, ret, RG_SYMLINK);
}
