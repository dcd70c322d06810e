// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* What files hold: written, cut, mapped as code. */
#include "image.h"
#include "object.h"
#include "syscall.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define RG_WRITTEN_FILES 16384	/* remembered as told; of each process */
#define RG_LIBRARIES 16384	/* remembered as told; of each executable of each slot */

#define S_IFBLK 0060000
#define S_IFREG 0100000
#define O_TRUNC 01000
#define PROT_WRITE 2
#define PROT_EXEC 4
#define MAP_SHARED 1
#define MAP_ANONYMOUS 0x20
#define LARGEST_ERROR 4095

struct rg_written_key {
	__u64 start_ns;
	__u64 inode;
	__u32 tgid;
	__u32 device;
};

struct rg_library_key {
	__u64 exe_inode;
	__u64 inode;
	__u32 exe_device;
	__u32 device;
	__u32 slot;
	__u32 generation;
};

struct {
	/* LRU: what is evicted is told again, and nothing is lost by that */
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, RG_WRITTEN_FILES);
	__type(key, struct rg_written_key);
	__type(value, __u64);
} written_files SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, RG_LIBRARIES);
	__type(key, struct rg_library_key);
	__type(value, __u64);
} libraries SEC(".maps");

/* A file event of what a descriptor is; flags_of_code: and whether it is the image's. True when the ring took it. */
static __always_inline bool file__tell(struct call *c, struct file *file, __u16 kind, __u32 class, bool flags_of_code)
{
	struct rg_file_event *e;
	__u32 flags;

	if (!call__begin(c, kind, class))
		return false;
	e = (void *)c->s->out;
	object__clear(e);
	flags = e->h.flags;
	if (flags_of_code)
		flags |= code__flags(c->task, file, BPF_CORE_READ(file, f_inode));
	object__fill(e, file);
	e->path_len = path__append(c->s, sizeof(*e), file, &flags);
	e->h.flags = flags;
	return call__send_bulk(c, sizeof(*e) + e->path_len);
}

static __always_inline void written__tell(struct call *c, struct file *file)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct rg_task *t = bpf_map_lookup_elem(&tasks, &tgid);
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct rg_written_key key = {};
	__u32 type;

	if (!t)
		return;
	type = BPF_CORE_READ(inode, i_mode) & S_IFMT;
	if (type != S_IFREG && type != S_IFBLK)
		return;
	key.start_ns = t->start_ns;
	key.tgid = tgid;
	key.inode = BPF_CORE_READ(inode, i_ino);
	key.device = BPF_CORE_READ(inode, i_sb, s_dev);
	if (bpf_map_lookup_elem(&written_files, &key))
		return;
	if (file__tell(c, file, RG_WRITTEN, RG_CLASS_FILE_WRITE, false))
		bpf_map_update_elem(&written_files, &key, &c->now, BPF_ANY);
}

/*
 * write, pwrite, writev, pwritev, pwritev2, sendfile, splice, copy_file_range: the first that changes a file, of each
 * process and file, with its bytes; whoever opened it, so that a descriptor inherited or sent from elsewhere is no way
 * round. Why not at close: when close returns its file is gone, entry hooks would cost every call of the host a look-up,
 * and what is left to the exit of a process is never closed by a call. Misses: io_uring's, aio's and vmsplice's writes.
 */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_write, struct pt_regs *regs, long ret)
{
	struct call c = {};
	struct file *file;

	if (ret <= 0)
		return 0;
	call__read(&c, regs, ret);
	file = file__of(c.task, c.a.nr == NR_splice || c.a.nr == NR_copy_file_range ? c.a.v[2] : c.a.v[0]);
	if (file)
		written__tell(&c, file);
	return 0;
}

/* truncate, ftruncate; to nothing is told by O_TRUNC. */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_truncate, struct pt_regs *regs, long ret)
{
	struct file *file = NULL;
	struct rg_file_event *e;
	struct call c = {};
	bool by_fd;

	call__read(&c, regs, ret);
	by_fd = c.a.nr == NR_ftruncate;
	if (by_fd)
		file = file__of(c.task, c.a.v[0]);
	if (by_fd && !file) {
		if (c.ret >= 0)
			call__unseen(RG_CLASS_FILE_WRITE);
		return 0;
	}
	if (!call__begin(&c, RG_TRUNCATE, RG_CLASS_FILE_WRITE))
		return 0;
	e = (void *)c.s->out;
	object__clear(e);
	e->open_flags = c.a.v[1] || (c.a.narrow && c.a.v[2]) ? 0 : O_TRUNC;
	if (file) {
		object__fill(e, file);
		e->path_len = path__append(c.s, sizeof(*e), file, &e->h.flags);
	} else {
		e->path_len = path__append_user(c.s, sizeof(*e), c.task, AT_FDCWD, (void *)c.a.v[0], &e->h.flags);
	}
	call__send_bulk(&c, sizeof(*e) + e->path_len);
	return 0;
}

/* Told once for each executable of a slot: nearly every exec maps the same few. */
static __always_inline void library__tell(struct call *c, struct file *file)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct rg_task *t = bpf_map_lookup_elem(&tasks, &tgid);
	struct task_struct *task = c->task;
	struct inode *exe = BPF_CORE_READ(task, mm, exe_file, f_inode);
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct rg_library_key key = {};

	if (!t)
		return;
	key.slot = t->slot;
	key.generation = t->generation;
	key.exe_inode = BPF_CORE_READ(exe, i_ino);
	key.exe_device = BPF_CORE_READ(exe, i_sb, s_dev);
	key.inode = BPF_CORE_READ(inode, i_ino);
	key.device = BPF_CORE_READ(inode, i_sb, s_dev);
	if (bpf_map_lookup_elem(&libraries, &key))
		return;
	c->ret = 0;	/* an address says nothing */
	if (file__tell(c, file, RG_LIBRARY, RG_CLASS_FILE_READ, true))
		bpf_map_update_elem(&libraries, &key, &c->now, BPF_ANY);
}

/* i386's first mmap has its arguments in memory, as socketcall has. */
static __always_inline void args__of_mmap(struct call *c, __u64 block)
{
	__u32 words[5] = {};
	int i;

	c->flags |= RG_F_UNVERIFIED;
	bpf_probe_read_user(words, sizeof(words), (void *)block);
	for (i = 0; i < 5; i++)
		c->a.v[i] = words[i];
}

/*
 * A file mapped as code is a library loaded; one mapped for writing and shared is written without a call. Misses: what
 * another thread put in the descriptor's place meanwhile is told instead.
 */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_mmap, struct pt_regs *regs, long ret)
{
	struct call c = {};
	struct file *file;
	bool code, written;

	if ((unsigned long)ret >= (unsigned long)-LARGEST_ERROR)
		return 0;
	call__read(&c, regs, ret);
	if (c.flags & RG_F_COMPAT && (__u32)regs->orig_ax == I386_mmap)
		args__of_mmap(&c, c.a.v[0]);
	code = c.a.v[2] & PROT_EXEC;
	written = c.a.v[2] & PROT_WRITE && c.a.v[3] & MAP_SHARED;
	if (c.a.v[3] & MAP_ANONYMOUS || !(code || written))
		return 0;
	file = file__of(c.task, c.a.v[4]);
	if (!file)
		return 0;
	c.ret = 0;
	if (code)
		library__tell(&c, file);
	else
		written__tell(&c, file);
	return 0;
}

struct mapped {
	struct file *file;
};

static long mapped__find(struct task_struct *task, struct vm_area_struct *vma, void *to)
{
	((struct mapped *)to)->file = vma->vm_file;
	return 0;
}

/* A file mapped first and made code afterwards. Since 5.17, which can look at a mapping; before, preflight says so. */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_mprotect, struct pt_regs *regs, long ret)
{
	struct mapped mapped = {};
	struct call c = {};

	if (ret)
		return 0;
	call__read(&c, regs, ret);
	if (!(c.a.v[2] & PROT_EXEC))
		return 0;
	bpf_find_vma(bpf_get_current_task_btf(), c.a.v[0], mapped__find, &mapped, 0);
	if (mapped.file)
		library__tell(&c, mapped.file);
	return 0;
}
