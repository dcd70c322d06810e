/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Where code that runs comes from: the image, or not. */
#ifndef RG_IMAGE_H
#define RG_IMAGE_H

#include "path.h"

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

/* What is told of a file whose code runs: an executable or a library. */
static __always_inline __u32 code__flags(struct task_struct *task, struct file *exe, struct inode *inode)
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

#endif
