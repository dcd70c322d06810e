// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The door of every system call. */
#include "syscall.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/*
 * Why: the one place every system call passes, 64-bit, int 0x80 and x32; arguments and the made object are both there.
 * Since 5.5 as tp_btf. Misses: io_uring (uring.bpf.c).
 */
SEC("tp_btf/sys_exit")
int BPF_PROG(sys_exit, struct pt_regs *regs, long ret)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;

	if (!bpf_map_lookup_elem(&tasks, &tgid))
		return 0;
	bpf_tail_call(ctx, &handlers, call__number(regs, task__compat((void *)bpf_get_current_task())));
	return 0;
}
