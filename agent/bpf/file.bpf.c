// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Files: opened, made, removed, renamed, linked, given away. */
#include "syscall.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define FMODE_READ 1
#define FMODE_WRITE 2
#define FMODE_CREATED 0x100000
#define TS_COMPAT 2
#define X32_SYSCALL_BIT 0x40000000

#define NR_open 2
#define NR_creat 85
#define NR_rename 82
#define NR_rmdir 84
#define NR_link 86
#define NR_unlink 87
#define NR_symlink 88
#define NR_chmod 90
#define NR_fchmod 91
#define NR_chown 92
#define NR_fchown 93
#define NR_lchown 94
#define NR_mkdir 83
#define NR_mknod 133
#define NR_open_by_handle_at 304
#define NR_openat2 437
#define NR_linkat 265
#define NR_symlinkat 266

/*
 * Why: the one place every 64-bit system call passes; arguments and the made object are both there. Since 5.5 as
 * tp_btf. Misses: 32-bit calls, whose numbers mean other calls (counted as lost), and io_uring.
 */
SEC("tp_btf/sys_exit")
int BPF_PROG(sys_exit, struct pt_regs *regs, long ret)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct rg_task *watched;
	struct task_struct *task;
	__u64 nr;

	watched = bpf_map_lookup_elem(&tasks, &tgid);
	if (!watched)
		return 0;
	task = (void *)bpf_get_current_task();
	nr = BPF_CORE_READ(regs, orig_ax);
	if ((BPF_CORE_READ(task, thread_info.status) & TS_COMPAT) || (nr & X32_SYSCALL_BIT && nr >> 32 == 0)) {
		loss__count(watched->slot, RG_CLASS_PROCESS, RG_LOSS_COMPAT);
		return 0;
	}
	bpf_tail_call(ctx, &handlers, nr);
	return 0;
}

static __always_inline void object__fill(struct rg_file_event *e, struct file *file)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);

	e->inode = BPF_CORE_READ(inode, i_ino);
	e->device = BPF_CORE_READ(inode, i_sb, s_dev);
	e->generation = BPF_CORE_READ(inode, i_generation);
	e->parent_inode = BPF_CORE_READ(file, f_path.dentry, d_parent, d_inode, i_ino);
}

static __always_inline void object__clear(struct rg_file_event *e)
{
	__builtin_memset(&e->inode, 0, sizeof(*e) - sizeof(e->h));
}

/*
 * Why at exit: the returned descriptor's file is what was opened, whatever the caller writes over the name meanwhile.
 * A descriptor that another thread closed meanwhile leaves the caller's words, flagged; one it replaced is told as what
 * it is now.
 */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_open, struct pt_regs *regs, long ret)
{
	__u64 nr = BPF_CORE_READ(regs, orig_ax);
	struct file *file = NULL;
	struct rg_file_event *e;
	struct call c = {};
	__u32 mode = 0, class = RG_CLASS_FILE_READ, flags, open_flags = 0;
	__u16 kind = RG_OPEN;
	__u64 at = sizeof(*e);

	if (nr == NR_open)
		open_flags = ARG1(regs);
	else if (nr == NR_creat)
		open_flags = 01101;	/* O_CREAT | O_WRONLY | O_TRUNC */
	else if (nr != NR_openat2)
		open_flags = ARG2(regs);
	else
		bpf_probe_read_user(&open_flags, sizeof(open_flags), (void *)ARG2(regs));
	if (ret >= 0) {
		file = file__of((void *)bpf_get_current_task(), ret);
	}
	if (file) {
		mode = BPF_CORE_READ(file, f_mode);
		open_flags = BPF_CORE_READ(file, f_flags);
	} else {
		mode = (open_flags & 3) == 0 ? FMODE_READ : (open_flags & 3) == 1 ? FMODE_WRITE : FMODE_READ | FMODE_WRITE;
	}
	if (mode & FMODE_CREATED)
		kind = RG_CREATE;
	if (mode & (FMODE_WRITE | FMODE_CREATED))
		class = RG_CLASS_FILE_WRITE;
	if (!call__begin(&c, kind, class, ret))
		return 0;
	e = (void *)c.s->out;
	object__clear(e);
	flags = e->h.flags;
	if (mode & FMODE_READ)
		flags |= RG_F_READ;
	if (mode & FMODE_WRITE)
		flags |= RG_F_WRITE;
	e->open_flags = open_flags;
	if (file) {
		object__fill(e, file);
		e->path_len = path__append(c.s, at, file, &flags);
	} else {
		int dirfd = nr == NR_open || nr == NR_creat ? AT_FDCWD : (int)ARG0(regs);
		/* A handle has no name: what failed by one has no path and is flagged. */
		const char *name = (void *)(nr == NR_open || nr == NR_creat ? ARG0(regs) :
					    nr == NR_open_by_handle_at ? 0 : ARG1(regs));

		e->path_len = path__append_user(c.s, at, c.task, dirfd, name, &flags);
		if (ret >= 0)
			flags |= RG_F_FD_RACED;
	}
	e->h.flags = flags;
	call__send_bulk(&c, at + e->path_len);
	return 0;
}

/* Why at exit: the result is known. The name is the caller's: nothing is left to read of what was removed. */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_unlink, struct pt_regs *regs, long ret)
{
	__u64 nr = BPF_CORE_READ(regs, orig_ax);
	struct rg_file_event *e;
	struct call c = {};
	bool plain = nr == NR_unlink || nr == NR_rmdir;

	if (!call__begin(&c, RG_UNLINK, RG_CLASS_FILE_WRITE, ret))
		return 0;
	e = (void *)c.s->out;
	object__clear(e);
	e->path_len = path__append_user(c.s, sizeof(*e), c.task, plain ? AT_FDCWD : (int)ARG0(regs),
					(void *)(plain ? ARG0(regs) : ARG1(regs)), &e->h.flags);
	call__send_bulk(&c, sizeof(*e) + e->path_len);
	return 0;
}

/* mkdir, mkdirat, mknod, mknodat: a name that was not there before. */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_make, struct pt_regs *regs, long ret)
{
	__u64 nr = BPF_CORE_READ(regs, orig_ax);
	struct rg_file_event *e;
	struct call c = {};
	bool plain = nr == NR_mkdir || nr == NR_mknod;

	if (!call__begin(&c, RG_CREATE, RG_CLASS_FILE_WRITE, ret))
		return 0;
	e = (void *)c.s->out;
	object__clear(e);
	e->mode = plain ? ARG1(regs) : ARG2(regs);
	e->path_len = path__append_user(c.s, sizeof(*e), c.task, plain ? AT_FDCWD : (int)ARG0(regs),
					(void *)(plain ? ARG0(regs) : ARG1(regs)), &e->h.flags);
	call__send_bulk(&c, sizeof(*e) + e->path_len);
	return 0;
}

static __always_inline int two_names(struct pt_regs *regs, long ret, __u16 kind, bool plain, bool symlink)
{
	struct rg_file_event *e;
	struct call c = {};
	__u64 at = sizeof(*e);
	const char *from = (void *)(plain || symlink ? ARG0(regs) : ARG1(regs));
	const char *to = (void *)(plain ? ARG1(regs) : symlink ? ARG2(regs) : ARG3(regs));
	int from_dir = plain || symlink ? AT_FDCWD : (int)ARG0(regs);
	int to_dir = plain ? AT_FDCWD : symlink ? (int)ARG1(regs) : (int)ARG2(regs);

	if (!call__begin(&c, kind, RG_CLASS_FILE_WRITE, ret))
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
	return two_names(regs, ret, RG_RENAME, BPF_CORE_READ(regs, orig_ax) == NR_rename, false);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_link, struct pt_regs *regs, long ret)
{
	return two_names(regs, ret, RG_LINK, BPF_CORE_READ(regs, orig_ax) == NR_link, false);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_symlink, struct pt_regs *regs, long ret)
{
	return two_names(regs, ret, RG_SYMLINK, BPF_CORE_READ(regs, orig_ax) == NR_symlink, true);
}

/* By descriptor the kernel's file is read, by name the caller's words. */
static __always_inline int attributes(struct pt_regs *regs, long ret, __u16 kind, bool by_fd, bool plain, __u32 mode,
				      __u32 uid, __u32 gid)
{
	struct file *file = NULL;
	struct rg_file_event *e;
	struct call c = {};

	if (by_fd)
		file = file__of((void *)bpf_get_current_task(), (int)ARG0(regs));
	if (by_fd && !file) {
		if (ret >= 0)
			call__unseen(RG_CLASS_FILE_WRITE);
		return 0;
	}
	if (!call__begin(&c, kind, RG_CLASS_FILE_WRITE, ret))
		return 0;
	e = (void *)c.s->out;
	object__clear(e);
	e->mode = mode;
	e->uid = uid;
	e->gid = gid;
	if (file) {
		object__fill(e, file);
		e->path_len = path__append(c.s, sizeof(*e), file, &e->h.flags);
	} else {
		e->path_len = path__append_user(c.s, sizeof(*e), c.task, plain ? AT_FDCWD : (int)ARG0(regs),
						(void *)(plain ? ARG0(regs) : ARG1(regs)), &e->h.flags);
	}
	call__send_bulk(&c, sizeof(*e) + e->path_len);
	return 0;
}

/* chmod, fchmod, fchmodat, fchmodat2 */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_chmod, struct pt_regs *regs, long ret)
{
	__u64 nr = BPF_CORE_READ(regs, orig_ax);
	bool at = nr != NR_chmod && nr != NR_fchmod;

	return attributes(regs, ret, RG_CHMOD, nr == NR_fchmod, nr == NR_chmod, at ? ARG2(regs) : ARG1(regs), 0, 0);
}

/* chown, fchown, lchown, fchownat */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_chown, struct pt_regs *regs, long ret)
{
	__u64 nr = BPF_CORE_READ(regs, orig_ax);
	bool at = nr != NR_chown && nr != NR_fchown && nr != NR_lchown;

	return attributes(regs, ret, RG_CHOWN, nr == NR_fchown, !at, 0, at ? ARG2(regs) : ARG1(regs),
			  at ? ARG3(regs) : ARG2(regs));
}
