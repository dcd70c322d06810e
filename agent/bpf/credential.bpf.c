// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Who a process is: users, groups, capabilities, its name. */
#include "privilege.h"
#include "syscall.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define PR_SET_NAME 15

static __always_inline int credentials__tell(struct pt_regs *regs, long ret, __u32 operation)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct rg_task *t = bpf_map_lookup_elem(&tasks, &tgid);
	struct credentials now = {};
	struct call c = {};
	__u64 gained;

	if (!t)
		return 0;
	call__read(&c, regs, ret);
	if (c.ret < 0) {
		/* Asked for and refused: the caller's words. */
		c.flags |= RG_F_UNVERIFIED;
		if (privilege__begin(&c, operation, 0, operation == RG_PRIV_CAPSET ? 0 : (__u32)c.a.v[0]))
			call__send_vital(&c, sizeof(struct rg_privilege_event));
		return 0;
	}
	credentials__read(&now, c.task);
	gained = credentials__gained(t, &now);
	if (privilege__begin(&c, operation, gained, operation == RG_PRIV_SETUID ? now.euid : operation == RG_PRIV_SETGID ? now.egid : 0))
		call__send_vital(&c, sizeof(struct rg_privilege_event));
	return 0;
}

/*
 * setuid, setreuid, setresuid, setfsuid. Why at exit: what the process may do now is read from the kernel, not from what
 * it asked for.
 */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_setuid, struct pt_regs *regs, long ret)
{
	return credentials__tell(regs, ret, RG_PRIV_SETUID);
}

/* setgid, setregid, setresgid, setfsgid */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_setgid, struct pt_regs *regs, long ret)
{
	return credentials__tell(regs, ret, RG_PRIV_SETGID);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_capset, struct pt_regs *regs, long ret)
{
	return credentials__tell(regs, ret, RG_PRIV_CAPSET);
}

/*
 * prctl(PR_SET_NAME) of a process's first thread, which is the name that process lists show. The name is the kernel's.
 * Misses: /proc/self/comm, which is told as the write of a file.
 */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_prctl, struct pt_regs *regs, long ret)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct rg_privilege_event *e;
	struct call c = {};

	call__read(&c, regs, ret);
	if (c.a.v[0] != PR_SET_NAME || c.ret || id >> 32 != (__u32)id)
		return 0;
	e = privilege__begin(&c, RG_PRIV_NAME, 0, 0);
	if (!e)
		return 0;
	e->path_len = privilege__text(c.s, sizeof(*e), e->h.comm, false);
	call__send_vital(&c, sizeof(*e) + e->path_len);
	return 0;
}
