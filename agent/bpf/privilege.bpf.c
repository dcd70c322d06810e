// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Privilege: calls that reach out of a container or into another process. */
#include "privilege.h"
#include "syscall.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define CLONE_NEW_ANY 0x7e020080u	/* user, pid, net, ipc, uts, cgroup, mount, time */
#define PTRACE_TRACEME 0

static __always_inline __u32 operation__of(__u32 nr)
{
	switch (nr) {
	case NR_mount:
	case NR_move_mount:
		return RG_PRIV_MOUNT;
	case NR_umount2:
		return RG_PRIV_UMOUNT;
	case NR_pivot_root:
		return RG_PRIV_PIVOT_ROOT;
	case NR_chroot:
		return RG_PRIV_CHROOT;
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
	case NR_add_key:
	case NR_request_key:
	case NR_keyctl:
		return RG_PRIV_KEYRING;
	case NR_userfaultfd:
		return RG_PRIV_USERFAULTFD;
	case NR_io_uring_setup:
		return RG_PRIV_IO_URING;
	default:
		return RG_PRIV_BPF;
	}
}

/* Which argument says most: flags, request, command. */
static __always_inline __u64 argument__of(const struct args *a)
{
	__u64 flags = 0;

	switch (a->nr) {
	case NR_mount:
		return a->v[3];
	case NR_setns:
	case NR_umount2:
		return a->v[1];
	case NR_clone3:
		bpf_probe_read_user(&flags, sizeof(flags), (void *)a->v[0]);
		return flags;
	case NR_add_key:
	case NR_request_key:
	case NR_chroot:
	case NR_pivot_root:
		return 0;
	default:
		return a->v[0];
	}
}

/*
 * mount, move_mount, umount, pivot_root, chroot, setns, unshare, clone into new namespaces, ptrace, process_vm_writev,
 * module load, bpf, keyrings, userfaultfd, io_uring_setup. Tried and refused counts as much as done: both are told.
 * Misses: clone3 whose flags the caller cleared in its memory meanwhile.
 */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_privilege, struct pt_regs *regs, long ret)
{
	const void *first = NULL, *second = NULL;
	struct rg_privilege_event *e;
	struct call c = {};
	__u64 argument, at = sizeof(*e);
	__u32 nr, target = 0;

	call__read(&c, regs, ret);
	nr = c.a.nr;
	argument = argument__of(&c.a);
	/* The child returns from the same call, with 0. */
	if ((nr == NR_clone || nr == NR_clone3) && (!c.ret || !(argument & CLONE_NEW_ANY)))
		return 0;
	if (nr == NR_ptrace) {
		if (argument == PTRACE_TRACEME)
			return 0;
		target = c.a.v[1];
	}
	if (nr == NR_process_vm_writev)
		target = argument;
	switch (nr) {
	case NR_mount:
		first = (void *)c.a.v[1];
		second = (void *)c.a.v[0];
		break;
	case NR_pivot_root:
	case NR_add_key:
	case NR_request_key:
		second = (void *)c.a.v[1];
	case NR_umount2:
	case NR_chroot:
		first = (void *)c.a.v[0];
		break;
	}
	c.flags |= RG_F_UNVERIFIED;
	e = privilege__begin(&c, operation__of(nr), argument, target);
	if (!e)
		return 0;
	if (first) {
		e->path_len = privilege__text(c.s, at, first, true);
		at += e->path_len;
	}
	if (second) {
		e->path2_len = privilege__text(c.s, at, second, true);
		at += e->path2_len;
	}
	call__send_vital(&c, at);
	return 0;
}
