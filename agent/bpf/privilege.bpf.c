// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Privilege: calls that reach out of a container or into another process. */
#include "syscall.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define NR_clone 56
#define NR_ptrace 101
#define NR_mount 165
#define NR_init_module 175
#define NR_unshare 272
#define NR_setns 308
#define NR_process_vm_writev 311
#define NR_finit_module 313
#define NR_bpf 321
#define NR_move_mount 429
#define NR_clone3 435

#define CLONE_NEW_ANY 0x7e020080u	/* user, pid, net, ipc, uts, cgroup, mount, time */
#define PTRACE_TRACEME 0

static __always_inline __u32 operation__of(__u64 nr)
{
	switch (nr) {
	case NR_mount:
	case NR_move_mount:
		return RG_PRIV_MOUNT;
	case NR_setns:
		return RG_PRIV_SETNS;
	case NR_unshare:
	case NR_clone:
	case NR_clone3:
		return RG_PRIV_UNSHARE;
	case NR_ptrace:
		return RG_PRIV_PTRACE;
	case NR_process_vm_writev:
		return RG_PRIV_VM_WRITEV;
	case NR_init_module:
	case NR_finit_module:
		return RG_PRIV_MODULE;
	default:
		return RG_PRIV_BPF;
	}
}

static __always_inline __u32 privilege__text(struct rg_scratch *s, __u64 at, __u64 address)
{
	long got;

	barrier_reg(at);
	if (at >= RG_OUT_MAX)
		return 0;
	got = bpf_probe_read_user_str(&s->out[at], RG_PATH_MAX, (void *)address);
	return got > 1 ? (got - 1) & (RG_PATH_MAX - 1) : 0;
}

/*
 * mount, move_mount, setns, unshare, clone into new namespaces, ptrace, process_vm_writev, module load, bpf. Tried and
 * refused counts as much as done: both are told. Misses: clone3 whose flags the caller cleared in its memory meanwhile.
 */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_privilege, struct pt_regs *regs, long ret)
{
	__u64 nr = BPF_CORE_READ(regs, orig_ax);
	__u32 operation = operation__of(nr);
	struct rg_privilege_event *e;
	struct call c = {};
	__u64 argument = ARG0(regs);
	__u32 target = 0;
	__u64 at = sizeof(*e);

	if (nr == NR_clone3) {
		__u64 flags = 0;

		bpf_probe_read_user(&flags, sizeof(flags), (void *)argument);
		argument = flags;
	}
	/* The child returns from the same call, with 0. */
	if ((nr == NR_clone || nr == NR_clone3) && (!ret || !(argument & CLONE_NEW_ANY)))
		return 0;
	if (nr == NR_ptrace) {
		if (argument == PTRACE_TRACEME)
			return 0;
		target = ARG1(regs);
	}
	if (nr == NR_process_vm_writev)
		target = argument;
	if (nr == NR_mount)
		argument = ARG3(regs);
	if (nr == NR_setns)
		argument = ARG1(regs);
	if (!call__begin(&c, RG_PRIVILEGE, RG_CLASS_PRIVILEGE, ret))
		return 0;
	e = (void *)c.s->out;
	e->h.flags |= RG_F_UNVERIFIED;
	e->argument = argument;
	e->operation = operation;
	e->target_pid = target;
	e->path_len = 0;
	e->path2_len = 0;
	e->pad = 0;
	if (nr == NR_mount) {
		e->path_len = privilege__text(c.s, at, ARG1(regs));
		at += e->path_len;
		e->path2_len = privilege__text(c.s, at, ARG0(regs));
		at += e->path2_len;
	}
	call__send_vital(&c, at);
	return 0;
}
