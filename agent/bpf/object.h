/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What a file event says of its object, read from the kernel's file. */
#ifndef RG_OBJECT_H
#define RG_OBJECT_H

#include "call.h"

#define FMODE_READ 1
#define FMODE_WRITE 2
#define FMODE_CREATED 0x100000

#define O_CREAT_WRONLY_TRUNC 01101

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

/* FMODE_READ and FMODE_WRITE of the access bits of open's flags. */
static __always_inline __u32 mode__of_flags(__u32 open_flags)
{
	switch (open_flags & 3) {
	case 0:
		return FMODE_READ;
	case 1:
		return FMODE_WRITE;
	default:
		return FMODE_READ | FMODE_WRITE;
	}
}

static __always_inline __u32 flags__of_mode(__u32 mode)
{
	return (mode & FMODE_READ ? RG_F_READ : 0) | (mode & FMODE_WRITE ? RG_F_WRITE : 0);
}

static __always_inline __u32 class__of_mode(__u32 mode)
{
	return mode & (FMODE_WRITE | FMODE_CREATED) ? RG_CLASS_FILE_WRITE : RG_CLASS_FILE_READ;
}

/* An open whose file the kernel has: told as that file. */
static __always_inline void open__tell(struct call *c, struct file *file)
{
	__u32 flags, mode = BPF_CORE_READ(file, f_mode);
	struct rg_file_event *e;

	if (!call__begin(c, mode & FMODE_CREATED ? RG_CREATE : RG_OPEN, class__of_mode(mode)))
		return;
	e = (void *)c->s->out;
	object__clear(e);
	flags = e->h.flags | flags__of_mode(mode);
	e->open_flags = BPF_CORE_READ(file, f_flags);
	object__fill(e, file);
	e->path_len = path__append(c->s, sizeof(*e), file, &flags);
	e->h.flags = flags;
	call__send_bulk(c, sizeof(*e) + e->path_len);
}

#endif
