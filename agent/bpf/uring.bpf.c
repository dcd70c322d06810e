// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* io_uring requests as they complete. */
#include "message.h"
#include "network.h"
#include "object.h"
#include "uring.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline struct rg_request *request__of(void *req)
{
	__u64 key = (__u64)req;

	return bpf_map_lookup_elem(&requests, &key);
}

/*
 * Whether who runs is of the process that submitted, so that descriptors are its own. It nearly always is: requests
 * complete in a task of theirs; only of a process that has ended a worker of the kernel completes what it left.
 */
static __always_inline bool request__own(struct call *c, struct rg_request *r, struct io_kiocb *req)
{
	c->task = (void *)bpf_get_current_task();
	c->ret = BPF_CORE_READ(req, cqe.res);
	c->flags = RG_F_IO_URING;
	return r->tgid == bpf_get_current_pid_tgid() >> 32;
}

/*
 * Why: the result of what ring_submit kept; its socket or file is still the request's. Since 5.19 with the request; the
 * result is read there, for the other arguments differ by kernel. Misses: see ring_overflow.
 */
SEC("tp_btf/io_uring_complete")
int BPF_PROG(ring_complete, void *ring, struct io_kiocb *req)
{
	struct rg_request *r = request__of(req);

	if (r)
		bpf_tail_call(ctx, &ring_handlers, r->opcode);
	return 0;
}

/* What is only a name, before and after: sent as it was asked for. */
SEC("tp_btf/io_uring_complete")
int BPF_PROG(ring_on_name, void *ring, struct io_kiocb *req)
{
	struct rg_request *r = request__of(req);

	if (r) {
		request__send(r, BPF_CORE_READ(req, cqe.res), 0);
		request__end((__u64)req, r);
	}
	return 0;
}

SEC("tp_btf/io_uring_complete")
int BPF_PROG(ring_on_open, void *ring, struct io_kiocb *req)
{
	struct rg_request *r = request__of(req);
	struct file *file = NULL;
	struct call c = {};

	if (!r)
		return 0;
	if (request__own(&c, r, req) && c.ret >= 0 && !r->hidden)
		file = file__of(c.task, c.ret);
	if (file)
		open__tell(&c, file);
	else
		request__send(r, c.ret, c.ret >= 0 && !r->hidden ? RG_F_FD_RACED : 0);
	request__end((__u64)req, r);
	return 0;
}

SEC("tp_btf/io_uring_complete")
int BPF_PROG(ring_on_connect, void *ring, struct io_kiocb *req)
{
	struct rg_request *r = request__of(req);
	struct asked asked = {};
	struct call c = {};
	struct sock *sk;

	if (!r)
		return 0;
	sk = sock__of_file(BPF_CORE_READ(req, file));
	asked.address = r->address;
	asked.len = r->address_len;
	if (request__own(&c, r, req) && sk)
		connect__tell(&c, sk, &asked);
	else
		request__send(r, c.ret, 0);
	request__end((__u64)req, r);
	return 0;
}

/* The last of a multishot, or the only one. */
SEC("tp_btf/io_uring_complete")
int BPF_PROG(ring_on_accept, void *ring, struct io_kiocb *req)
{
	struct rg_request *r = request__of(req);
	struct call c = {};
	struct sock *sk = NULL;

	if (!r)
		return 0;
	if (request__own(&c, r, req) && c.ret >= 0) {
		task__serves();
		if (!r->hidden)
			sk = sock__of(c.ret);
		if (sk)
			accept__tell(&c, sk);
		else
			request__send(r, c.ret, 0);
	}
	request__end((__u64)req, r);
	return 0;
}

SEC("tp_btf/io_uring_complete")
int BPF_PROG(ring_on_local, void *ring, struct io_kiocb *req)
{
	struct rg_request *r = request__of(req);
	struct call c = {};

	if (!r)
		return 0;
	if (request__own(&c, r, req))
		local__tell(&c, sock__of_file(BPF_CORE_READ(req, file)), r->opcode == OP_BIND ? RG_BIND : RG_LISTEN);
	else
		request__send(r, c.ret, 0);
	request__end((__u64)req, r);
	return 0;
}

SEC("tp_btf/io_uring_complete")
int BPF_PROG(ring_on_send, void *ring, struct io_kiocb *req)
{
	struct io_sr_msg *of = (void *)req;
	struct rg_request *r = request__of(req);
	struct asked asked = {};
	struct send send = {};
	struct call c = {};
	struct sock *sk;

	if (!r)
		return 0;
	sk = sock__of_file(BPF_CORE_READ(req, file));
	asked.address = r->address_len ? r->address : NULL;
	if (!request__own(&c, r, req))
		request__send(r, c.ret, 0);
	else if (sk && send__of(&send, sk, BPF_CORE_READ(of, msg_flags)))
		message__send(&c, sk, &send, &asked);
	request__end((__u64)req, r);
	return 0;
}

/*
 * One more connection of a multishot accept: a completion that names no request. Since the completion is handed over
 * (6.16); before that preflight says so.
 */
SEC("tp_btf/io_uring_complete")
int BPF_PROG(ring_complete_more, void *ring, void *req, struct io_uring_cqe *cqe)
{
	struct rg_completion of = {};
	struct rg_request *r;
	struct call c = {};
	__u64 *key;

	if (req)
		return 0;
	of.ring = (__u64)ring;
	of.user_data = cqe->user_data;
	key = bpf_map_lookup_elem(&completions, &of);
	if (!key)
		return 0;
	r = bpf_map_lookup_elem(&requests, key);
	c.task = (void *)bpf_get_current_task();
	c.ret = cqe->res;
	c.flags = RG_F_IO_URING;
	if (!r || r->opcode != OP_ACCEPT || c.ret < 0 || r->tgid != bpf_get_current_pid_tgid() >> 32)
		return 0;
	if (r->hidden) {
		task__serves();
		request__send(r, c.ret, 0);
	} else {
		accept__tell(&c, sock__of(c.ret));
	}
	return 0;
}

/*
 * Why: a completion whose queue is full is set aside, and io_uring_complete is not told of it: a small queue would hide
 * everything. It names no request; what was asked for is sent with its result. Since 5.19.
 */
SEC("tp_btf/io_uring_cqe_overflow")
int BPF_PROG(ring_overflow, void *ring, unsigned long long user_data, int res)
{
	struct rg_completion of = { .ring = (__u64)ring, .user_data = user_data };
	__u64 *key = bpf_map_lookup_elem(&completions, &of);
	struct rg_request *r;

	if (!key)
		return 0;
	r = bpf_map_lookup_elem(&requests, key);
	if (!r)
		return 0;
	request__send(r, res, 0);
	if (r->opcode != OP_ACCEPT)	/* it may be a multishot's, and go on */
		request__end(*key, r);
	return 0;
}
