// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* DNS: what watched containers ask by UDP to port 53, and what is answered from there. Nothing is ever dropped here. */
#include "maps.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86DD
#define IPPROTO_UDP 17
#define AF_INET 2
#define AF_INET6 10
#define DNS_PORT 53
#define UDP_HEADER 8
#define LOOPBACK_IFINDEX 1	/* in every network namespace */
#define PASS 1

/* The other side with port 53, the port of this one, and where the UDP payload lies. */
struct packet {
	__u8 server[16];
	__u16 client_port;
	__u16 family;
	__u32 at;
	__u32 len;
};

/*
 * One read of the headers decides for nearly every packet that it is none. Of v6 only packets whose UDP header comes first:
 * extension headers before it are nothing a resolver sends.
 */
static __always_inline bool packet__read(struct packet *p, struct __sk_buff *skb, bool answer)
{
	__u8 head[40 + UDP_HEADER];
	__be16 ports[2];

	if (skb->protocol == __builtin_bswap16(ETH_P_IP)) {
		if (bpf_skb_load_bytes(skb, 0, head, 20 + UDP_HEADER) || head[9] != IPPROTO_UDP)
			return false;
		p->family = AF_INET;
		p->at = (head[0] & 15) * 4;
		__builtin_memcpy(ports, head + 20, sizeof(ports));
		if (p->at != 20 && bpf_skb_load_bytes(skb, p->at, ports, sizeof(ports)))
			return false;
	} else if (skb->protocol == __builtin_bswap16(ETH_P_IPV6)) {
		if (bpf_skb_load_bytes(skb, 0, head, sizeof(head)) || head[6] != IPPROTO_UDP)
			return false;
		p->family = AF_INET6;
		p->at = 40;
		__builtin_memcpy(ports, head + 40, sizeof(ports));
	} else {
		return false;
	}
	if (ports[answer ? 0 : 1] != __builtin_bswap16(DNS_PORT))
		return false;
	if (p->family == AF_INET)
		__builtin_memcpy(p->server, head + (answer ? 12 : 16), 4);
	else
		__builtin_memcpy(p->server, head + (answer ? 8 : 24), 16);
	p->client_port = __builtin_bswap16(ports[answer ? 1 : 0]);
	p->at += UDP_HEADER;
	p->len = skb->len > p->at ? skb->len - p->at : 0;
	return p->len != 0;
}

/*
 * The slot of the cgroup the socket was made in. On the way out the packet's maker runs, and where it is watched in that
 * slot it is who asked; on the way in whoever runs was only interrupted, and is never looked at.
 */
static __always_inline struct rg_slot *packet__slot(struct __sk_buff *skb, __u32 *number)
{
	__u64 id = bpf_skb_cgroup_id(skb);
	struct rg_watch *w = bpf_map_lookup_elem(&cgroups, &id);
	struct rg_slot *s;

	if (!w)
		return NULL;
	s = slot__of(w->slot);
	if (!s || !s->active || s->generation != w->generation)
		return NULL;
	*number = w->slot;
	return s;
}

static __always_inline void asker__fill(struct rg_header *h, __u32 slot)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	__u32 tgid = BPF_CORE_READ(task, tgid);
	struct rg_task *t = bpf_map_lookup_elem(&tasks, &tgid);
	struct task_struct *parent;

	if (!t || t->slot != slot)
		return;
	parent = BPF_CORE_READ(task, group_leader, real_parent);
	h->start_ns = task__start(task);
	h->parent_start_ns = task__start(parent);
	h->pid = tgid;
	h->tid = BPF_CORE_READ(task, pid);
	h->parent_pid = BPF_CORE_READ(parent, tgid);
	BPF_CORE_READ_INTO(&h->comm, task, comm);
}

/* A program that sees packets may not count on from a socket's address: its head is copied, and the field found in that. */
static __always_inline __u32 packet__net_ns(struct __sk_buff *skb)
{
	__u8 head[128] = {};
	__u64 at = bpf_core_field_offset(struct sock, __sk_common.skc_net.net);
	void *sk = (void *)skb->sk;
	struct net *net;

	if (!sk || at > sizeof(head) - sizeof(net) || bpf_probe_read_kernel(head, sizeof(head), sk))
		return 0;
	net = *(struct net **)(head + at);
	return net ? BPF_CORE_READ(net, ns.inum) : 0;
}

static __always_inline void dns__fill(struct rg_dns_event *e, struct __sk_buff *skb, const struct packet *p,
				      struct rg_slot *s, __u32 slot, bool answer, __u64 now)
{
	__builtin_memset(e, 0, sizeof(*e));
	e->h.version = RG_EVENTS_VERSION;
	e->h.kind = RG_DNS;
	e->h.time_ns = now;
	e->h.cgroup_id = bpf_skb_cgroup_id(skb);
	e->h.slot = slot;
	e->h.epoch = s->epoch;
	__builtin_memcpy(e->server, p->server, 16);
	e->family = p->family;
	e->client_port = p->client_port;
	e->answer = answer;
	e->loopback = skb->ifindex == LOOPBACK_IFINDEX;
	e->net_ns = packet__net_ns(skb);
	if (!answer)
		asker__fill(&e->h, slot);
}

/*
 * Straight into the ring, in one of two sizes: per-CPU scratch is not for here, where a packet coming in interrupts
 * whoever fills it. What lies behind payload_len is not cleared and means nothing.
 */
static __always_inline int dns__send(struct __sk_buff *skb, const struct packet *p, struct rg_slot *s, __u32 slot,
				     bool answer, __u64 now, const __u32 most)
{
	struct rg_dns_event *e = bpf_ringbuf_reserve(&vital, sizeof(*e) + most, 0);
	__u64 last = p->len - 1;

	if (!e) {
		loss__count(slot, RG_CLASS_DNS, RG_LOSS_RING_FULL);
		return PASS;
	}
	dns__fill(e, skb, p, s, slot, answer, now);
	e->h.size = sizeof(*e) + most;
	if (last >= most) {
		last = most - 1;
		e->h.flags |= RG_F_TRUNCATED;
	}
	barrier_reg(last);
	if (last < most && !bpf_skb_load_bytes(skb, p->at, e + 1, last + 1))
		e->payload_len = last + 1;
	bpf_ringbuf_submit(e, BPF_RB_NO_WAKEUP);
	return PASS;
}

static __always_inline int dns__see(struct __sk_buff *skb, bool answer)
{
	struct packet p = {};
	struct rg_slot *s;
	__u32 slot = 0;
	__u64 now;

	if (!packet__read(&p, skb, answer))
		return PASS;
	s = packet__slot(skb, &slot);
	if (!s)
		return PASS;
	now = bpf_ktime_get_boot_ns();
	if (!slot__take_of(s, RG_CLASS_DNS, now, RG_DNS_INTERVAL_NS, RG_DNS_BURST_NS))
		return PASS;
	return p.len <= RG_DNS_SMALL ? dns__send(skb, &p, s, slot, answer, now, RG_DNS_SMALL)
				     : dns__send(skb, &p, s, slot, answer, now, RG_DNS_MAX);
}

/*
 * Why: the packet is what is asked, whatever library or system call made it. Since 5.7 (a link to a cgroup; helpers 5.10).
 * Misses: DNS over TCP, TLS and HTTPS, other ports, packet sockets, sockets made in a cgroup that is not watched.
 */
SEC("cgroup_skb/egress")
int dns_question(struct __sk_buff *skb)
{
	return dns__see(skb, false);
}

/* Why: who answered, by the packet's own address. Runs in softirq: the current task means nothing. Misses: as above. */
SEC("cgroup_skb/ingress")
int dns_answer(struct __sk_buff *skb)
{
	return dns__see(skb, true);
}
