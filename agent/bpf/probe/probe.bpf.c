// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * One small program of each type, loaded alone by preflight: some kernels accept and attach a type that then never runs
 * (an LSM program where "bpf" is not among the active LSMs), so a claim is worth what was seen to fire. All but
 * the one of packets fire when a file is opened, by anyone.
 */
#include "../vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* What preflight reads; several processors may add at once, and only zero or not matters. */
__u64 fired = 0;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} ring SEC(".maps");

SEC("tracepoint/raw_syscalls/sys_enter")
int probe_tracepoint(void *ctx)
{
	fired++;
	return 0;
}

SEC("raw_tp/sys_enter")
int probe_raw_tp(void *ctx)
{
	fired++;
	return 0;
}

SEC("tp_btf/sys_enter")
int probe_tp_btf(void *ctx)
{
	fired++;
	return 0;
}

SEC("fentry/vfs_open")
int probe_fentry(void *ctx)
{
	fired++;
	return 0;
}

SEC("fexit/vfs_open")
int probe_fexit(void *ctx)
{
	fired++;
	return 0;
}

SEC("lsm/file_open")
int probe_lsm(void *ctx)
{
	fired++;
	return 0;
}

SEC("kprobe/vfs_open")
int probe_kprobe(void *ctx)
{
	fired++;
	return 0;
}

/* Of any packet that leaves a socket; preflight sends one to itself. */
SEC("cgroup_skb/egress")
int probe_cgroup_skb(void *ctx)
{
	fired++;
	return 1;
}

/* A raw tracepoint's program, because that is the oldest type; sends one sample, which user space must receive. */
SEC("raw_tp/sys_enter")
int probe_ringbuf(void *ctx)
{
	__u64 one = 1;

	if (!fired && !bpf_ringbuf_output(&ring, &one, sizeof(one), 0))
		fired++;
	return 0;
}
