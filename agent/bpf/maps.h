/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Maps and the inline helpers every hook shares. Maps are weak, so each family may be compiled alone and linked into
 * one object. Tracepoint programs run with preemption off up to 6.18, so per-CPU scratch has one user at a time;
 * rg_scratch.busy notices a kernel where that is no longer so and counts RG_LOSS_BUSY instead of mixing two events.
 */
#ifndef RG_MAPS_H
#define RG_MAPS_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "events.h"

#define RG_SLOTS 1024		/* containers and services watched at once; slot 0 is "none" */
#define RG_TASKS 65536		/* watched processes alive at once */
#define RG_CGROUPS 8192		/* cgroups created while we run and not yet unwatched */
#define RG_PEERS 16384		/* datagram peers remembered as seen */
#define RG_SYSCALLS 512

#define RG_PATH_STEPS 28	/* components and mount crossings together */

/* classes share a token bucket and a row of loss counters */
enum rg_class {
	RG_CLASS_PROCESS = 0,
	RG_CLASS_FILE_READ = 1,
	RG_CLASS_FILE_WRITE = 2,
	RG_CLASS_NETWORK = 3,
	RG_CLASS_PRIVILEGE = 4,
	RG_CLASS_CGROUP = 5,
	RG_CLASS_DNS = 6,
	RG_CLASSES = 7,
};

enum rg_loss {
	RG_LOSS_RING_FULL = 0,
	RG_LOSS_RATE = 1,	/* token bucket empty */
	RG_LOSS_TASKS_FULL = 2,
	RG_LOSS_SLOTS_FULL = 3,
	RG_LOSS_CGROUPS_FULL = 4,
	RG_LOSS_UNSEEN = 5,	/* done, but its object was out of sight: a raced descriptor, a batch too long */
	RG_LOSS_BUSY = 6,
	RG_LOSS_COMPAT = 7,	/* a 32-bit or x32 call, whatever it did */
	RG_LOSSES = 8,
};

struct rg_task {
	__u64 start_ns;
	__u32 slot;
	__u32 generation;	/* of the slot when the task was watched */
	__u32 seeded;		/* from procfs: start_ns is rounded down to a clock tick */
	__u32 serves;		/* listens or has accepted a connection; kept by fork, ended by exec */
};

/* Mapped by user space, which alone writes epoch, generation and host; both write active; tat is the kernel's. */
struct rg_slot {
	__u32 epoch;
	__u32 generation;
	__u32 active;
	__u32 host;		/* a service or session of the host: what it starts may belong to another slot */
	__u64 tat[RG_CLASSES];	/* token bucket: theoretical arrival time of the next event */
	__u64 loss[RG_CLASSES][RG_LOSSES];
};

struct rg_watch {
	__u32 slot;
	__u32 generation;
};

/* One entry of the decision cache: who did what in which slot, valid for one epoch. */
struct rg_decision_key {
	__u32 slot;
	__u32 epoch;
	__u32 class;
	__u32 pad;
	__u64 actor;
	__u64 object;
};

struct rg_peer_key {
	__u32 slot;
	__u32 generation;
	__u8 peer[16];
	__u16 port;
	__u16 family;
	__u32 protocol;
};

#define RG_OUT_MAX 16384
#define RG_OUT_SLACK 8192

struct rg_scratch {
	__u64 busy;
	__u8 out[RG_OUT_MAX + RG_OUT_SLACK];
	__u8 path[RG_PATH_MAX + 512];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 * 1024 * 1024);
} vital __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 * 1024 * 1024);
} bulk __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, RG_TASKS);
	__type(key, __u32);
	__type(value, struct rg_task);
} tasks __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, RG_CGROUPS);
	__type(key, __u64);
	__type(value, struct rg_watch);
} cgroups __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, RG_SLOTS);
	__type(value, __u32);
} free_slots __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, RG_SLOTS);
	__type(key, __u32);
	__type(value, struct rg_slot);
} slots __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct rg_scratch);
} scratch __weak SEC(".maps");

struct {
	/* LRU: a peer evicted is told again, and nothing is lost by that */
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, RG_PEERS);
	__type(key, struct rg_peer_key);
	__type(value, __u64);
} peers __weak SEC(".maps");

/* sys_exit's handlers by system call number; filled by user space with those that load */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, RG_SYSCALLS);
	__type(key, __u32);
	__type(value, __u32);
} handlers __weak SEC(".maps");

/* One slot may send 20000 events a second in each class, and a second's worth at once. */
#define RG_INTERVAL_NS 50000
#define RG_BURST_NS 1000000000

/* Of DNS 2000 a second and 1000 at once: its samples are large and share the vital ring with connects, before which they count. */
#define RG_DNS_INTERVAL_NS 500000
#define RG_DNS_BURST_NS 500000000

/* Last forced wake-up of the bulk ring; races only cost one wake-up more. */
__u64 rg_bulk_woken __weak = 0;

#define barrier_reg(x) asm volatile("" : "+r"(x))

static __always_inline struct rg_slot *slot__of(__u32 slot)
{
	return bpf_map_lookup_elem(&slots, &slot);
}

static __always_inline void loss__count(__u32 slot, __u32 class, __u32 cause)
{
	struct rg_slot *s = slot__of(slot);

	if (s && class < RG_CLASSES && cause < RG_LOSSES)
		__sync_fetch_and_add(&s->loss[class][cause], 1);
}

static __always_inline __u64 task__start(struct task_struct *task)
{
	return BPF_CORE_READ(task, group_leader, start_boottime);
}

/* The watched entry of a tgid, or NULL. A slot given up since, or a recycled seeded pid, ends the watch here. */
static __always_inline struct rg_task *task__watched(__u32 tgid, struct rg_slot **slot)
{
	struct rg_task *t = bpf_map_lookup_elem(&tasks, &tgid);
	struct rg_slot *s;

	if (!t)
		return NULL;
	s = slot__of(t->slot);
	if (!s || !s->active || s->generation != t->generation)
		return NULL;
	if (t->seeded) {
		__u64 start = task__start((void *)bpf_get_current_task());

		if (start / 10000000 != t->start_ns / 10000000)
			return NULL;
		t->start_ns = start;
		t->seeded = 0;
	}
	*slot = s;
	return t;
}

/* GCRA in one word: a lost race lets one event more through, never fewer. */
static __always_inline bool slot__take_of(struct rg_slot *s, __u32 class, __u64 now, __u64 interval, __u64 burst)
{
	__u64 tat;

	if (class >= RG_CLASSES)
		return false;
	tat = s->tat[class];
	if (tat < now)
		tat = now;
	if (tat - now > burst) {
		__sync_fetch_and_add(&s->loss[class][RG_LOSS_RATE], 1);
		return false;
	}
	s->tat[class] = tat + interval;
	return true;
}

static __always_inline bool slot__take(struct rg_slot *s, __u32 slot, __u32 class, __u64 now)
{
	return slot__take_of(s, class, now, RG_INTERVAL_NS, RG_BURST_NS);
}

static __always_inline struct rg_scratch *scratch__enter(__u32 slot, __u32 class)
{
	__u32 zero = 0;
	struct rg_scratch *s = bpf_map_lookup_elem(&scratch, &zero);

	if (!s)
		return NULL;
	if (s->busy) {
		loss__count(slot, class, RG_LOSS_BUSY);
		return NULL;
	}
	s->busy = 1;
	return s;
}

static __always_inline void scratch__leave(struct rg_scratch *s)
{
	s->busy = 0;
}

/* Who: the current task when it is the actor. */
static __always_inline void header__fill(struct rg_header *h, __u16 kind, struct task_struct *task,
					 struct rg_task *t, struct rg_slot *s, __u64 now)
{
	struct task_struct *parent = BPF_CORE_READ(task, group_leader, real_parent);
	__u64 id = bpf_get_current_pid_tgid();

	h->version = RG_EVENTS_VERSION;
	h->kind = kind;
	h->size = 0;
	h->time_ns = now;
	h->start_ns = t ? t->start_ns : task__start(task);
	h->parent_start_ns = task__start(parent);
	h->cgroup_id = bpf_get_current_cgroup_id();
	h->pid = id >> 32;
	h->tid = (__u32)id;
	h->parent_pid = BPF_CORE_READ(parent, tgid);
	h->uid = (__u32)bpf_get_current_uid_gid();
	h->slot = t ? t->slot : 0;
	h->epoch = s ? s->epoch : 0;
	h->flags = 0;
	h->ret = 0;
	bpf_get_current_comm(h->comm, sizeof(h->comm));
}

/* Appends src at `at`; returns the bytes appended, 0 when it cannot be read. */
static __always_inline __u32 sample__copy(struct rg_scratch *s, __u64 at, const void *src, __u64 len, bool user)
{
	barrier_reg(at);
	barrier_reg(len);
	if (at >= RG_OUT_MAX)
		return 0;
	if (len > RG_PATH_MAX)
		return 0;
	if (!len)
		return 0;
	if (user ? bpf_probe_read_user(&s->out[at], len, src) : bpf_probe_read_kernel(&s->out[at], len, src))
		return 0;
	return len;
}

static __always_inline __u32 sample__append(struct rg_scratch *s, __u64 at, const void *src, __u64 len)
{
	return sample__copy(s, at, src, len, false);
}

static __always_inline __u32 sample__append_user(struct rg_scratch *s, __u64 at, const void *src, __u64 len)
{
	return sample__copy(s, at, src, len, true);
}

/* True when the ring took it. */
static __always_inline bool sample__output(void *ring, struct rg_scratch *s, __u32 size, __u64 wake,
					   __u32 slot, __u32 class)
{
	struct rg_header *h = (void *)s->out;
	__u64 bytes = size;

	h->size = size;
	barrier_reg(bytes);
	if (bytes > RG_OUT_MAX || bpf_ringbuf_output(ring, s->out, bytes, wake)) {
		loss__count(slot, class, RG_LOSS_RING_FULL);
		return false;
	}
	return true;
}

/* Vital kinds wake the loop at once. */
static __always_inline void sample__send_vital(struct rg_scratch *s, __u32 size, __u32 slot, __u32 class)
{
	sample__output(&vital, s, size, BPF_RB_FORCE_WAKEUP, slot, class);
}

/* Bulk kinds wake it only when a quarter of the ring is waiting, and then at most once a millisecond. */
static __always_inline bool sample__send_bulk(struct rg_scratch *s, __u32 size, __u32 slot, __u32 class, __u64 now)
{
	__u64 wake = BPF_RB_NO_WAKEUP;

	if (bpf_ringbuf_query(&bulk, BPF_RB_AVAIL_DATA) > bpf_ringbuf_query(&bulk, BPF_RB_RING_SIZE) / 4 &&
	    now - rg_bulk_woken > 1000000) {
		rg_bulk_woken = now;
		wake = BPF_RB_FORCE_WAKEUP;
	}
	return sample__output(&bulk, s, size, wake, slot, class);
}

#endif
