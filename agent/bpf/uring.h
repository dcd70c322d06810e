/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * io_uring requests under way. What a request asked for can be read only when it is submitted, what came of it only when
 * it completes: a whole sample is made at submission, as the caller's words, kept by request, and sent at completion with
 * its result, or instead of it what the kernel's own file or socket says.
 */
#ifndef RG_URING_H
#define RG_URING_H

#include "socket.h"

#define RG_REQUESTS 2048	/* under way and of a kind that is told; more are told at once, result unknown */
#define RG_REQUEST_MAX 1024	/* bytes of a kept sample; longer names are cut and flagged */
#define RG_ADDRESS_MAX 128	/* struct sockaddr_storage */

#define OP_SENDMSG 9
#define OP_ACCEPT 13
#define OP_CONNECT 16
#define OP_OPENAT 18
#define OP_SEND 26
#define OP_OPENAT2 28
#define OP_RENAMEAT 35
#define OP_UNLINKAT 36
#define OP_MKDIRAT 37
#define OP_SYMLINKAT 38
#define OP_LINKAT 39
#define OP_SEND_ZC 47
#define OP_SENDMSG_ZC 48
#define OP_BIND 56
#define OP_LISTEN 57
#define RG_OPCODES 64

#define REQ_F_FIXED_FILE (1u << 0)	/* IOSQE_FIXED_FILE */
#define REQ_F_CQE_SKIP (1u << 6)	/* IOSQE_CQE_SKIP_SUCCESS: success is not posted */

struct rg_request {
	__u8 sample[RG_REQUEST_MAX];	/* first: the scratch it is made in is the map's value */
	__u8 address[RG_ADDRESS_MAX];	/* as asked; of connect and send */
	__u64 ring;
	__u64 user_data;
	__u32 size;
	__u32 class;
	__u32 tgid;
	__u32 slot;
	__s32 address_len;		/* 0: none */
	__u8 opcode;
	__u8 hidden;			/* its result is no descriptor of the process's table */
	__u16 pad;
};

struct rg_completion {
	__u64 ring;
	__u64 user_data;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, RG_REQUESTS);
	__type(key, __u64);		/* struct io_kiocb */
	__type(value, struct rg_request);
} requests __weak SEC(".maps");

/* Which request a completion belongs to that names none: one more of a multishot, one that found its queue full. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, RG_REQUESTS);
	__type(key, struct rg_completion);
	__type(value, __u64);
} completions __weak SEC(".maps");

/* io_uring_complete's handlers by operation; filled by user space with those that load */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, RG_OPCODES);
	__type(key, __u32);
	__type(value, __u32);
} ring_handlers __weak SEC(".maps");

/* The sample as it was made at submission, with its result. */
static __always_inline void request__send(struct rg_request *r, long ret, __u32 flags)
{
	struct rg_header *h = (void *)r->sample;
	__u64 size = r->size, now = bpf_ktime_get_boot_ns();
	struct rg_slot *slot = slot__of(r->slot);
	bool urgent = h->kind == RG_CONNECT || h->kind == RG_BIND || h->kind == RG_LISTEN;

	if (!slot || !slot__take(slot, r->slot, r->class, now))
		return;
	h->time_ns = now;
	h->ret = ret;
	h->flags |= flags | (ret < 0 ? RG_F_FAILED : 0);
	h->size = size;
	barrier_reg(size);
	if (size > RG_REQUEST_MAX ||
	    (urgent ? bpf_ringbuf_output(&vital, r->sample, size, BPF_RB_FORCE_WAKEUP)
		   : bpf_ringbuf_output(&bulk, r->sample, size, BPF_RB_NO_WAKEUP)))
		loss__count(r->slot, r->class, RG_LOSS_RING_FULL);
}

static __always_inline void request__end(__u64 req, struct rg_request *r)
{
	struct rg_completion of = { .ring = r->ring, .user_data = r->user_data };

	bpf_map_delete_elem(&completions, &of);
	bpf_map_delete_elem(&requests, &req);
}

#endif
