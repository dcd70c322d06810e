// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* io_uring requests as they are submitted. */
#include "message.h"
#include "network.h"
#include "object.h"
#include "uring.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

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

/*
 * Where a connect or send goes, or NULL: at the caller's, or, of sends since requests keep no pointer to it, in their own
 * copy. A connect's address is the caller's in every kernel.
 */
static __always_inline void address__of(struct asked *asked, struct io_kiocb *req, __u8 opcode)
{
	bool copied = !bpf_core_field_exists(((struct io_sr_msg *)0)->addr);
	struct io_async_msghdr *copy = BPF_CORE_READ(req, async_data);
	struct io_connect *connect = (void *)req;
	struct io_sr_msg *send = (void *)req;

	asked->user = true;
	if (opcode == OP_CONNECT) {
		asked->len = BPF_CORE_READ(connect, addr_len);
		asked->address = BPF_CORE_READ(connect, addr);
	} else if (copied) {
		asked->user = false;
		asked->address = BPF_CORE_READ(copy, msg.msg_name);
	} else if (opcode == OP_SEND || opcode == OP_SEND_ZC) {
		asked->address = BPF_CORE_READ(send, addr);
	} else {
		bpf_probe_read_user(&asked->address, sizeof(asked->address), BPF_CORE_READ(send, umsg));
	}
}

static __always_inline bool opcode__sends(__u8 opcode)
{
	return opcode == OP_SEND || opcode == OP_SENDMSG || opcode == OP_SEND_ZC || opcode == OP_SENDMSG_ZC;
}

static __always_inline __u16 kind__of(__u8 opcode, bool datagram)
{
	switch (opcode) {
	case OP_ACCEPT:
		return RG_ACCEPT;
	case OP_BIND:
		return RG_BIND;
	case OP_LISTEN:
		return RG_LISTEN;
	case OP_CONNECT:
		return RG_CONNECT;
	default:
		return datagram ? RG_SEND : RG_CONNECT;
	}
}

/* The datagram goes where others went before. */
static __always_inline bool peer__known(struct rg_net_event *e)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct rg_task *t = bpf_map_lookup_elem(&tasks, &tgid);
	struct rg_peer_key key = {};

	if (!t)
		return true;
	peer__key(&key, e, t, 0);
	return bpf_map_lookup_elem(&peers, &key);
}

/*
 * A sample of what the socket is and what was asked of it; its size, 0 when there is nothing to tell. A registered
 * descriptor's socket is known only when the request runs.
 */
static __always_inline __u32 socket__write(struct call *c, struct io_kiocb *req, __u8 opcode)
{
	struct io_accept *accept = (void *)req;
	struct io_sr_msg *message = (void *)req;
	bool sends = opcode__sends(opcode);
	struct send send = { .datagram = true };
	struct asked asked = {};
	struct rg_net_event *e;
	struct rg_request *r;
	struct sock *sk = NULL;

	if (!(BPF_CORE_READ(req, flags) & REQ_F_FIXED_FILE))
		sk = sock__of(BPF_CORE_READ(req, cqe.fd));
	if (sends && sk && !send__of(&send, sk, BPF_CORE_READ(message, msg_flags)))
		return 0;
	if (sends || opcode == OP_CONNECT)
		address__of(&asked, req, opcode);
	if (!call__enter(c, kind__of(opcode, send.datagram), RG_CLASS_NETWORK, false))
		return 0;
	e = (void *)c->s->out;
	r = (void *)c->s->out;
	r->hidden = opcode == OP_ACCEPT && BPF_CORE_READ(accept, file_slot);
	r->address_len = 0;
	if (sk)
		sock__fill(e, sk);
	else
		__builtin_memset(&e->peer, 0, sizeof(*e) - sizeof(e->h));
	e->h.flags |= RG_F_UNVERIFIED;
	/* As much as there is: what lies behind an address may be no memory. */
	if (asked.address && (!asked__read(&asked, r->address, RG_ADDRESS_MAX, 0) ||
			      !asked__read(&asked, r->address, sizeof(struct sockaddr_any), 0) ||
			      !asked__read(&asked, r->address, 16, 0))) {
		r->address_len = opcode == OP_CONNECT ? asked.len : 16;
		asked.address = r->address;
		asked.user = false;
		if (*(__u16 *)r->address == AF_UNIX)
			e->path_len = unix__name(c->s, r->address + 2, (__s64)asked.len - 2, false);
		else
			peer__as_asked(e, &asked);
	}
	if (sends && sk && send.datagram && (!e->peer_port || peer__known(e))) {
		scratch__leave(c->s);
		return 0;
	}
	return sizeof(*e) + e->path_len;
}

/*
 * Keeps what was made until it completes, or sends it at once where no completion will be seen or could be told from
 * another's. One whose completion nobody saw before its memory serves the next request is told then.
 */
static __always_inline void request__keep(struct call *c, struct io_kiocb *req, __u8 opcode, __u32 size)
{
	struct rg_request *r = (void *)c->s->out, *former;
	struct rg_completion of = {};
	__u64 key = (__u64)req;

	r->size = size;
	r->ring = (__u64)BPF_CORE_READ(req, ctx);
	r->user_data = BPF_CORE_READ(req, cqe.user_data);
	r->class = c->class;
	r->slot = c->slot;
	r->tgid = bpf_get_current_pid_tgid() >> 32;
	r->opcode = opcode;
	former = bpf_map_lookup_elem(&requests, &key);
	if (former) {
		request__send(former, 0, 0);
		request__end(key, former);
	}
	of.ring = r->ring;
	of.user_data = r->user_data;
	if (BPF_CORE_READ(req, flags) & REQ_F_CQE_SKIP || bpf_map_update_elem(&completions, &of, &key, BPF_NOEXIST)) {
		request__send(r, 0, 0);
	} else if (bpf_map_update_elem(&requests, &key, r, BPF_ANY)) {
		bpf_map_delete_elem(&completions, &of);
		request__send(r, 0, 0);
	}
	scratch__leave(c->s);
}

static __always_inline int request__submit(struct io_kiocb *req)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct names names = {};
	struct call c = {};
	__u32 size;
	__u8 opcode;

	if (!bpf_map_lookup_elem(&tasks, &tgid))
		return 0;
	opcode = BPF_CORE_READ(req, opcode);
	c.task = (void *)bpf_get_current_task();
	c.flags = RG_F_IO_URING;
	if (opcode == OP_ACCEPT || opcode == OP_CONNECT || opcode == OP_BIND || opcode == OP_LISTEN || opcode__sends(opcode))
		size = socket__write(&c, req, opcode);
	else if (names__of(&names, req, opcode))
		size = names__write(&c, &names);
	else
		return 0;
	if (size)
		request__keep(&c, req, opcode, size);
	return 0;
}

/*
 * Why: requests pass no system call; here each has its names copied and nothing of it is done yet. Who submits is the
 * process, or a thread of the one that made the ring (SQPOLL, since 5.12). Since 6.3. Misses: nothing of what is handled.
 */
SEC("tp_btf/io_uring_submit_req")
int BPF_PROG(ring_submit, struct io_kiocb *req)
{
	return request__submit(req);
}

/* The same by its former name. Since 6.0; before that the request was not named, or not ready, and io_uring is not seen. */
SEC("tp_btf/io_uring_submit_sqe")
int BPF_PROG(ring_submit_sqe, struct io_kiocb *req)
{
	/* Typed access: refused where the first argument is something else. */
	return req->opcode ? request__submit(req) : 0;
}
