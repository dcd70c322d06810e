// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Signals that leave the container of who sends them. */
#include "privilege.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define SI_TIMER -2

/*
 * Why: whatever call it came by (kill of one, a group or all, tgkill, pidfd_send_signal, 32-bit ones), here each process
 * that is signalled is known. Only what a process sends is looked at: the kernel's own (the end of a child, a fault) and
 * timers', which come while anybody runs, say nothing of who runs. What services of the host send is their work. Since
 * 5.5. Misses: rt_sigqueueinfo that calls itself a timer's; what was refused, which reaches nobody.
 */
SEC("tp_btf/signal_generate")
int BPF_PROG(signal_generate, int signal, struct kernel_siginfo *info, struct task_struct *task)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32, target;
	struct rg_slot *slot = NULL;
	struct rg_privilege_event *e;
	struct rg_task *t, *other;
	struct call c = {};
	int code = 0;	/* SEND_SIG_NOINFO is a process's doing */

	if (!bpf_map_lookup_elem(&tasks, &tgid))
		return 0;
	target = BPF_CORE_READ(task, tgid);
	if (target == tgid || info == (void *)1)
		return 0;
	if (info)
		code = BPF_CORE_READ(info, si_code);
	if (code > 0 || code == SI_TIMER)
		return 0;
	t = task__watched(tgid, &slot);
	if (!t || slot->host)
		return 0;
	other = bpf_map_lookup_elem(&tasks, &target);
	if (other && other->slot == t->slot)
		return 0;
	c.task = (void *)bpf_get_current_task();
	e = privilege__begin(&c, RG_PRIV_SIGNAL, signal, target);
	if (!e)
		return 0;
	e->path_len = privilege__text(c.s, sizeof(*e), &task->comm, false);
	call__send_vital(&c, sizeof(*e) + e->path_len);
	return 0;
}
