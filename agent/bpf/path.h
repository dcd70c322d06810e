/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Paths from the kernel's own objects: dentries walked towards the root of the mount namespace, so a container's
 * file has the name the container knows it by, and a chroot cannot shorten it.
 */
#ifndef RG_PATH_H
#define RG_PATH_H

#include "maps.h"

#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define S_IFDIR 0040000
#define OVERLAYFS_MAGIC 0x794c7630
#define TMPFS_MAGIC 0x01021994
#define AT_FDCWD -100

/*
 * Builds the path backwards in s->path; returns its first byte's index, RG_PATH_MAX when nothing could be read.
 * A path of more than RG_PATH_STEPS components and mount crossings keeps its tail and is flagged.
 */
static __always_inline __u32 path__walk(struct rg_scratch *s, struct dentry *dentry, struct vfsmount *vfsmnt,
					__u32 *flags)
{
	struct mount *mnt = container_of(vfsmnt, struct mount, mnt);
	__u64 at = RG_PATH_MAX;
	bool complete = false;
	int i;

	for (i = 0; i < RG_PATH_STEPS; i++) {
		struct dentry *root = BPF_CORE_READ(mnt, mnt.mnt_root);
		struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
		const unsigned char *name;
		__u64 len, to;

		if (dentry == root) {
			struct mount *above = BPF_CORE_READ(mnt, mnt_parent);

			if (above == mnt) {
				complete = true;
				break;
			}
			dentry = BPF_CORE_READ(mnt, mnt_mountpoint);
			mnt = above;
			continue;
		}
		len = BPF_CORE_READ(dentry, d_name.len) & 255;
		name = BPF_CORE_READ(dentry, d_name.name);
		if (at < len + 1)
			break;
		to = at - len;
		barrier_reg(to);
		to &= RG_PATH_MAX - 1;
		if (bpf_probe_read_kernel(&s->path[to], len, name))
			break;
		if (parent == dentry) {	/* no tree: memfd, pipe, socket */
			at = to;
			complete = true;
			break;
		}
		to--;
		barrier_reg(to);
		to &= RG_PATH_MAX - 1;
		s->path[to] = '/';
		at = to;
		dentry = parent;
	}
	if (!complete)
		*flags |= RG_F_TRUNCATED;
	else if (at == RG_PATH_MAX) {
		s->path[RG_PATH_MAX - 1] = '/';
		at = RG_PATH_MAX - 1;
	}
	return at;
}

/* Appends the path of an open file to the sample; returns its length. */
static __always_inline __u32 path__append_at(struct rg_scratch *s, __u64 at, struct dentry *dentry,
					     struct vfsmount *mnt, __u32 *flags)
{
	__u64 from = path__walk(s, dentry, mnt, flags);
	__u64 len;

	barrier_reg(from);
	if (from >= RG_PATH_MAX)
		return 0;
	len = RG_PATH_MAX - from;
	return sample__append(s, at, &s->path[from], len);
}

static __always_inline __u32 path__append(struct rg_scratch *s, __u64 at, struct file *file, __u32 *flags)
{
	return path__append_at(s, at, BPF_CORE_READ(file, f_path.dentry), BPF_CORE_READ(file, f_path.mnt), flags);
}

/* The kernel's file of a descriptor of the current task, or NULL. */
static __always_inline struct file *file__of(struct task_struct *task, int fd)
{
	struct fdtable *fdt = BPF_CORE_READ(task, files, fdt);
	struct file **table = BPF_CORE_READ(fdt, fd);
	struct file *file = NULL;

	if (fd < 0 || (__u32)fd >= BPF_CORE_READ(fdt, max_fds))
		return NULL;
	bpf_probe_read_kernel(&file, sizeof(file), table + fd);
	return file;
}

/*
 * The caller's own words, made absolute by the directory they were relative to. Used where no kernel object is left to
 * read: the call failed, or its object is a name and not a descriptor. The caller can change them meanwhile, so the
 * event is flagged unverified. Not normalised: "." and ".." are the reader's to resolve.
 */
static __always_inline __u32 path__append_user(struct rg_scratch *s, __u64 at, struct task_struct *task, int dirfd,
					       const char *name, __u32 *flags)
{
	__u32 total = 0;
	char first = 0;
	long got;

	*flags |= RG_F_UNVERIFIED;
	if (bpf_probe_read_user(&first, 1, name)) {
		*flags |= RG_F_TRUNCATED;
		return 0;
	}
	if (first != '/') {
		if (dirfd == AT_FDCWD) {
			struct fs_struct *fs = BPF_CORE_READ(task, fs);

			total = path__append_at(s, at, BPF_CORE_READ(fs, pwd.dentry), BPF_CORE_READ(fs, pwd.mnt), flags);
		} else {
			struct file *dir = file__of(task, dirfd);

			if (dir)
				total = path__append(s, at, dir, flags);
		}
		if (!first)	/* AT_EMPTY_PATH: the descriptor itself */
			return total;
		at += total;
		barrier_reg(at);
		if (at >= RG_OUT_MAX)
			return total;
		s->out[at] = '/';
		at++;
		total++;
	}
	barrier_reg(at);
	if (at >= RG_OUT_MAX)
		return total;
	got = bpf_probe_read_user_str(&s->out[at], RG_PATH_MAX, name);
	if (got <= 0) {
		*flags |= RG_F_TRUNCATED;
		return total;
	}
	if (got == RG_PATH_MAX)
		*flags |= RG_F_TRUNCATED;
	total += got - 1;
	if (total > RG_PATH_MAX) {
		total = RG_PATH_MAX;
		*flags |= RG_F_TRUNCATED;
	}
	return total;
}

static __always_inline bool inode__is(struct inode *inode, __u32 type)
{
	return (BPF_CORE_READ(inode, i_mode) & S_IFMT) == type;
}

#endif
