/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* io_uring requests of files: what they name, and the sample of it. */
#ifndef RG_URING_NAMES_H
#define RG_URING_NAMES_H

#include "object.h"
#include "uring.h"

/* What a request of files names; the kernel has copied the names before it is submitted. */
struct names {
	const char *name;
	const char *name2;
	int dir;
	int dir2;
	__u32 open_flags;
	__u32 mode;
	__u16 kind;
	bool hidden;
};

#define NAME_OF(of, field) BPF_CORE_READ(of, field, name)

static __always_inline bool names__of(struct names *n, void *req, __u8 opcode)
{
	n->dir = AT_FDCWD;
	n->dir2 = AT_FDCWD;
	switch (opcode) {
	case OP_OPENAT:
	case OP_OPENAT2: {
		struct io_open *of = req;

		n->kind = RG_OPEN;
		n->dir = BPF_CORE_READ(of, dfd);
		n->name = NAME_OF(of, filename);
		n->open_flags = BPF_CORE_READ(of, how.flags);
		n->hidden = BPF_CORE_READ(of, file_slot);
		return true;
	}
	case OP_UNLINKAT: {
		struct io_unlink *of = req;

		n->kind = RG_UNLINK;
		n->dir = BPF_CORE_READ(of, dfd);
		n->name = NAME_OF(of, filename);
		return true;
	}
	case OP_MKDIRAT: {
		struct io_mkdir *of = req;

		n->kind = RG_CREATE;
		n->dir = BPF_CORE_READ(of, dfd);
		n->name = NAME_OF(of, filename);
		n->mode = (BPF_CORE_READ(of, mode) & ~S_IFMT) | S_IFDIR;
		return true;
	}
	case OP_RENAMEAT: {
		struct io_rename *of = req;

		n->kind = RG_RENAME;
		n->dir = BPF_CORE_READ(of, old_dfd);
		n->name = NAME_OF(of, oldpath);
		n->dir2 = BPF_CORE_READ(of, new_dfd);
		n->name2 = NAME_OF(of, newpath);
		return true;
	}
	case OP_SYMLINKAT:
	case OP_LINKAT: {
		struct io_link *of = req;

		n->kind = opcode == OP_LINKAT ? RG_LINK : RG_SYMLINK;
		n->dir = BPF_CORE_READ(of, old_dfd);
		n->name = NAME_OF(of, oldpath);
		n->dir2 = BPF_CORE_READ(of, new_dfd);
		n->name2 = NAME_OF(of, newpath);
		return true;
	}
	default:
		return false;
	}
}

/* Makes the sample; its size, 0 when there is none. */
static __always_inline __u32 names__write(struct call *c, const struct names *n)
{
	__u32 mode = n->kind == RG_OPEN ? mode__of_flags(n->open_flags) : FMODE_WRITE;
	struct rg_file_event *e;
	__u32 flags, len, len2 = 0;
	__u64 at = sizeof(*e);

	if (!call__enter(c, n->kind, class__of_mode(mode), false))
		return 0;
	e = (void *)c->s->out;
	object__clear(e);
	flags = e->h.flags | RG_F_UNVERIFIED;
	if (n->kind == RG_OPEN)
		flags |= flags__of_mode(mode);
	e->open_flags = n->open_flags;
	e->mode = n->mode;
	if (n->kind == RG_SYMLINK) {
		long got = bpf_probe_read_kernel_str(&c->s->out[sizeof(*e)], RG_PATH_MAX, n->name);

		len = got > 1 ? got - 1 : 0;	/* a symlink's target is text, relative to where it lies */
	} else {
		len = path__append_name(c->s, at, c->task, n->dir, n->name, false, &flags);
	}
	at += len;
	if (n->name2)
		len2 = path__append_name(c->s, at, c->task, n->dir2, n->name2, false, &flags);
	if (len > RG_REQUEST_MAX - sizeof(*e)) {
		len = RG_REQUEST_MAX - sizeof(*e);
		flags |= RG_F_TRUNCATED;
	}
	if (len2 > RG_REQUEST_MAX - sizeof(*e) - len) {
		len2 = RG_REQUEST_MAX - sizeof(*e) - len;
		flags |= RG_F_TRUNCATED;
	}
	e->path_len = len;
	e->path2_len = len2;
	e->h.flags = flags;
	((struct rg_request *)e)->hidden = n->hidden;
	((struct rg_request *)e)->address_len = 0;
	return sizeof(*e) + len + len2;
}

#endif
