// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Process life: fork, exec, exit. Watching is a fact of lineage and is decided here alone. */
#include "path.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define SIGNAL_GROUP_EXIT 4

union rg_sample {
	struct rg_exec_event exec;
	struct rg_fork_event fork;
	struct rg_exit_event exit;
	struct rg_file_event file;
	struct rg_net_event net;
	struct rg_privilege_event privilege;
	struct rg_cgroup_event cgroup;
	struct rg_dns_event dns;
	struct rg_slot slot;
	struct rg_task task;
};

/* Never set: it brings the layouts of the contract into this object's BTF, which the tests compare with C#. */
const union rg_sample *rg_layouts = 0;

struct mtime {
	__s64 sec;
	__s64 nsec;
};

static __always_inline struct mtime inode__mtime(struct inode *inode)
{
	struct mtime m = {};

	if (bpf_core_field_exists(((struct inode *)0)->i_mtime_sec)) {
		m.sec = BPF_CORE_READ(inode, i_mtime_sec);
		m.nsec = BPF_CORE_READ(inode, i_mtime_nsec);
	} else if (bpf_core_field_exists(((struct inode___named_mtime *)0)->__i_mtime)) {
		m.sec = BPF_CORE_READ((struct inode___named_mtime *)inode, __i_mtime.tv_sec);
		m.nsec = BPF_CORE_READ((struct inode___named_mtime *)inode, __i_mtime.tv_nsec);
	} else {
		m.sec = BPF_CORE_READ((struct inode___old_mtime *)inode, i_mtime.tv_sec);
		m.nsec = BPF_CORE_READ((struct inode___old_mtime *)inode, i_mtime.tv_nsec);
	}
	return m;
}

/* The image's own inode below an overlay inode, or NULL when only the container's layer has it. */
static __always_inline struct inode *overlay__lower(struct ovl_inode *oi, bool *known)
{
	*known = true;
	if (bpf_core_field_exists(((struct ovl_inode *)0)->oe)) {
		struct ovl_entry *oe = BPF_CORE_READ(oi, oe);
		struct dentry *lower = NULL;

		if (!oe || !BPF_CORE_READ(oe, __numlower))
			return NULL;
		bpf_core_read(&lower, sizeof(lower), &oe->__lowerstack[0].dentry);
		return BPF_CORE_READ(lower, d_inode);
	}
	if (bpf_core_field_exists(((struct ovl_inode___lowerpath *)0)->lowerpath)) {
		struct dentry *lower = BPF_CORE_READ((struct ovl_inode___lowerpath *)oi, lowerpath.dentry);

		return lower ? BPF_CORE_READ(lower, d_inode) : NULL;
	}
	if (bpf_core_field_exists(((struct ovl_inode___lower *)0)->lower))
		return BPF_CORE_READ((struct ovl_inode___lower *)oi, lower);
	*known = false;
	return NULL;
}

/*
 * Not in the image: the overlay has the file in its upper layer and either nothing below it, or something whose size or
 * modification time differs. A copy-up for chmod or chown keeps both. Misses: content rewritten with size and mtime put
 * back (ctime is not compared: chmod changes it too); kernels whose overlayfs has no BTF.
 */
static __always_inline bool inode__not_in_image(struct inode *inode)
{
	struct ovl_inode *oi;
	struct inode *upper, *lower;
	struct dentry *upperdentry;
	struct mtime u, l;
	bool known;

	if (!bpf_core_type_exists(struct ovl_inode))
		return false;
	if (BPF_CORE_READ(inode, i_sb, s_magic) != OVERLAYFS_MAGIC)
		return false;
	oi = (void *)inode - bpf_core_field_offset(((struct ovl_inode *)0)->vfs_inode);
	upperdentry = BPF_CORE_READ(oi, __upperdentry);
	if (!upperdentry)
		return false;
	lower = overlay__lower(oi, &known);
	if (!known)
		return false;
	if (!lower)
		return true;
	upper = BPF_CORE_READ(upperdentry, d_inode);
	u = inode__mtime(upper);
	l = inode__mtime(lower);
	return u.sec != l.sec || u.nsec != l.nsec || BPF_CORE_READ(upper, i_size) != BPF_CORE_READ(lower, i_size);
}

static __always_inline __u32 exec__file_flags(struct task_struct *task, struct file *exe, struct inode *inode)
{
	struct dentry *dentry = BPF_CORE_READ(exe, f_path.dentry);
	bool root = BPF_CORE_READ(dentry, d_parent) == dentry;
	__u32 flags = 0;

	if (BPF_CORE_READ(task, fs, root.mnt, mnt_sb) != BPF_CORE_READ(inode, i_sb))
		flags |= RG_F_NOT_ON_ROOT;

	if (root) {
		char name[8] = {};
		const unsigned char *from = BPF_CORE_READ(dentry, d_name.name);

		bpf_probe_read_kernel(name, 6, from);
		if (name[0] == 'm' && name[1] == 'e' && name[2] == 'm' && name[3] == 'f' && name[4] == 'd' &&
		    name[5] == ':')
			flags |= RG_F_MEMFD;
	} else if (!BPF_CORE_READ(dentry, d_hash.pprev)) {
		flags |= RG_F_DELETED;
	}
	if (inode__not_in_image(inode))
		flags |= RG_F_NOT_IN_IMAGE;
	return flags;
}

static __always_inline bool file__is_socket(struct file *file)
{
	return file && inode__is(BPF_CORE_READ(file, f_inode), S_IFSOCK);
}

static __always_inline __u32 task__ns_pid(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, group_leader, thread_pid);
	__u32 level = BPF_CORE_READ(pid, level) & 31;
	void *at = (void *)pid + bpf_core_field_offset(((struct pid *)0)->numbers) +
		   level * bpf_core_type_size(struct upid);
	int nr = 0;

	bpf_probe_read_kernel(&nr, sizeof(nr), at + bpf_core_field_offset(((struct upid *)0)->nr));
	return nr;
}

/*
 * Whose the process is from this exec on, or NULL. A container's process is its for good. What a service of the host
 * started (a container runtime its shims and containers, systemd its units) is its own cgroup's.
 */
static __always_inline struct rg_task *exec__watch(struct task_struct *task, __u32 tgid, struct rg_slot **slot)
{
	struct rg_task *t = task__watched(tgid, slot);
	struct rg_task new = {};
	struct rg_watch *w;
	__u64 cgroup_id;

	if (t && !(*slot)->host)
		return t;
	cgroup_id = bpf_get_current_cgroup_id();
	w = bpf_map_lookup_elem(&cgroups, &cgroup_id);
	if (!w || (t && t->slot == w->slot))
		return t;
	new.start_ns = task__start(task);
	new.slot = w->slot;
	new.generation = w->generation;
	if (bpf_map_update_elem(&tasks, &tgid, &new, BPF_ANY))
		loss__count(w->slot, RG_CLASS_PROCESS, RG_LOSS_TASKS_FULL);
	return task__watched(tgid, slot);
}

/*
 * Why: every successful exec of any entry path (execve, execveat, 32-bit, binfmt) once, after the new image is in
 * place, so exe and arguments are what runs and no longer the caller's to change. Since 5.5 as tp_btf.
 * Misses: failed execs; a script's own inode (its name is the kernel's copy).
 */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(sched_process_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct rg_slot *slot = NULL;
	struct rg_task *t = exec__watch(task, tgid, &slot);
	struct rg_exec_event *e;
	struct rg_scratch *s;
	struct file *exe;
	struct inode *inode;
	__u64 now, arg_start, arg_size, at = sizeof(*e);
	__u32 len, flags;
	const char *filename, *interp;

	if (!t)
		return 0;
	now = bpf_ktime_get_boot_ns();
	if (!slot__take(slot, t->slot, RG_CLASS_PROCESS, now))
		return 0;
	s = scratch__enter(t->slot, RG_CLASS_PROCESS);
	if (!s)
		return 0;
	e = (void *)s->out;
	header__fill(&e->h, RG_EXEC, task, t, slot, now);
	exe = BPF_CORE_READ(task, mm, exe_file);
	inode = BPF_CORE_READ(exe, f_inode);
	flags = exec__file_flags(task, exe, inode);
	/* Told here, for the accept itself may still wait in the other ring. */
	if (t->serves)
		flags |= RG_F_SERVED;
	t->serves = 0;
	if (file__is_socket(file__of(task, 0)))
		flags |= RG_F_STDIN_SOCKET;
	if (file__is_socket(file__of(task, 1)))
		flags |= RG_F_STDOUT_SOCKET;
	e->inode = BPF_CORE_READ(inode, i_ino);
	e->device = BPF_CORE_READ(inode, i_sb, s_dev);
	e->mount_ns = BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
	e->ns_pid = task__ns_pid(task);
	e->argc = BPF_CORE_READ(bprm, argc);
	e->script_len = 0;
	e->pad = 0;

	len = path__append(s, at, exe, &flags);
	e->exe_len = len;
	at += len;

	filename = BPF_CORE_READ(bprm, filename);
	interp = BPF_CORE_READ(bprm, interp);
	if (filename != interp) {
		barrier_reg(at);
		if (at < RG_OUT_MAX) {
			long got = bpf_probe_read_kernel_str(&s->out[at], RG_PATH_MAX, filename);

			if (got > 1) {
				e->script_len = got - 1;
				at += got - 1;
			}
		}
	}

	arg_start = BPF_CORE_READ(task, mm, arg_start);
	arg_size = BPF_CORE_READ(task, mm, arg_end) - arg_start;
	if (arg_size > RG_ARGS_MAX) {
		arg_size = RG_ARGS_MAX;
		flags |= RG_F_TRUNCATED;
	}
	len = sample__append_user(s, at, (void *)arg_start, arg_size);
	if (!len && arg_size)
		flags |= RG_F_TRUNCATED;
	e->args_len = len;
	at += len;

	e->h.flags = flags;
	sample__send_vital(s, at, e->h.slot, RG_CLASS_PROCESS);
	scratch__leave(s);
	return 0;
}

/*
 * Why: a child is watched before its first instruction, whatever namespace or cgroup it is born into. Since 5.5.
 * Misses: nothing of a watched parent; threads are not processes and are left out.
 */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(sched_process_fork, struct task_struct *parent, struct task_struct *child)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct rg_slot *slot = NULL;
	struct rg_task *t = task__watched(tgid, &slot);
	struct rg_task new = {};
	struct rg_fork_event *e;
	struct rg_scratch *s;
	__u32 child_tgid;
	__u64 now;

	if (!t)
		return 0;
	child_tgid = BPF_CORE_READ(child, tgid);
	if (child_tgid == tgid)
		return 0;
	new.start_ns = BPF_CORE_READ(child, start_boottime);
	new.slot = t->slot;
	new.generation = t->generation;
	new.serves = t->serves;
	if (bpf_map_update_elem(&tasks, &child_tgid, &new, BPF_ANY))
		loss__count(t->slot, RG_CLASS_PROCESS, RG_LOSS_TASKS_FULL);
	now = bpf_ktime_get_boot_ns();
	if (!slot__take(slot, t->slot, RG_CLASS_PROCESS, now))
		return 0;
	s = scratch__enter(t->slot, RG_CLASS_PROCESS);
	if (!s)
		return 0;
	e = (void *)s->out;
	header__fill(&e->h, RG_FORK, child, t, slot, now);
	e->h.start_ns = new.start_ns;
	e->h.pid = child_tgid;
	e->h.tid = child_tgid;
	/* CLONE_PARENT names the caller's parent as parent; lineage is who made the child. */
	e->h.parent_pid = tgid;
	e->h.parent_start_ns = t->start_ns;
	sample__send_vital(s, sizeof(*e), e->h.slot, RG_CLASS_PROCESS);
	scratch__leave(s);
	return 0;
}

/*
 * Why: the one place every process passes at its end, killed or not. Since 5.5 as tp_btf. signal->live is 0 only for
 * the last thread of the group. Misses: nothing.
 */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(sched_process_exit, struct task_struct *task)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct rg_slot *slot = NULL;
	struct rg_task *t;
	struct rg_exit_event *e;
	struct rg_scratch *s;
	struct signal_struct *signal;
	__u64 now;

	if (!bpf_map_lookup_elem(&tasks, &tgid))
		return 0;
	signal = BPF_CORE_READ(task, signal);
	if (BPF_CORE_READ(signal, live.counter) != 0)
		return 0;
	t = task__watched(tgid, &slot);
	if (!t)
		goto forget;
	now = bpf_ktime_get_boot_ns();
	/* No token: an exit that is not told leaves a process that never ends in user space's tree. */
	s = scratch__enter(t->slot, RG_CLASS_PROCESS);
	if (!s)
		goto forget;
	e = (void *)s->out;
	header__fill(&e->h, RG_EXIT, task, t, slot, now);
	e->exit_code = BPF_CORE_READ(signal, flags) & SIGNAL_GROUP_EXIT ? BPF_CORE_READ(signal, group_exit_code) :
								      BPF_CORE_READ(task, group_leader, exit_code);
	e->pad = 0;
	sample__send_vital(s, sizeof(*e), e->h.slot, RG_CLASS_PROCESS);
	scratch__leave(s);
forget:
	bpf_map_delete_elem(&tasks, &tgid);
	return 0;
}
