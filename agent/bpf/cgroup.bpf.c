// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Cgroups of the v2 tree: a new one is watched before anything can run in it. */
#include "path.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline bool cgroup__is_v2(struct cgroup *cgroup)
{
	return BPF_CORE_READ(cgroup, root, hierarchy_id) == 0;
}

static __always_inline void cgroup__send(__u16 kind, struct cgroup *cgroup, const char *path, struct task_struct *task,
					 __u32 slot, __u64 id)
{
	struct rg_scratch *s = scratch__enter(slot, RG_CLASS_CGROUP);
	struct rg_cgroup_event *e;
	long got;

	if (!s)
		return;
	e = (void *)s->out;
	header__fill(&e->h, kind, task, NULL, slot__of(slot), bpf_ktime_get_boot_ns());
	e->h.pid = BPF_CORE_READ(task, tgid);
	e->h.tid = BPF_CORE_READ(task, pid);
	e->h.slot = slot;
	e->h.cgroup_id = id;
	e->level = BPF_CORE_READ(cgroup, level);
	e->path_len = 0;
	e->pad = 0;
	got = bpf_probe_read_kernel_str(&s->out[sizeof(*e)], RG_PATH_MAX, path);
	if (got > 1)
		e->path_len = got - 1;
	sample__send_vital(s, sizeof(*e) + e->path_len, slot, RG_CLASS_CGROUP);
	scratch__leave(s);
}

/*
 * Why: the runtime makes the cgroup before the container's first process, so a slot taken here misses no exec. Since
 * 5.5 as tp_btf. Misses: cgroups of v1 hierarchies (no id a program can compare); those made before us (user space
 * seeds them).
 */
SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(cgroup_mkdir, struct cgroup *cgroup, const char *path)
{
	struct rg_watch w = {};
	struct rg_slot *slot;
	__u32 number = 0;
	__u64 id;

	if (!cgroup__is_v2(cgroup))
		return 0;
	id = BPF_CORE_READ(cgroup, kn, id);
	if (bpf_map_pop_elem(&free_slots, &number)) {
		loss__count(0, RG_CLASS_CGROUP, RG_LOSS_SLOTS_FULL);
		number = 0;
	}
	slot = slot__of(number);
	if (slot && number) {
		w.slot = number;
		w.generation = slot->generation;
		slot->active = 1;
		if (bpf_map_update_elem(&cgroups, &id, &w, BPF_ANY))
			loss__count(number, RG_CLASS_CGROUP, RG_LOSS_CGROUPS_FULL);
	}
	cgroup__send(RG_CGROUP_MKDIR, cgroup, path, (void *)bpf_get_current_task(), number, id);
	return 0;
}

/* Why: tells user space that a slot will soon be free. Since 5.5. Misses: v1, as above. */
SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(cgroup_rmdir, struct cgroup *cgroup, const char *path)
{
	struct rg_watch *w;
	__u32 number = 0;
	__u64 id;

	if (!cgroup__is_v2(cgroup))
		return 0;
	id = BPF_CORE_READ(cgroup, kn, id);
	w = bpf_map_lookup_elem(&cgroups, &id);
	if (w)
		number = w->slot;
	bpf_map_delete_elem(&cgroups, &id);
	cgroup__send(RG_CGROUP_RMDIR, cgroup, path, (void *)bpf_get_current_task(), number, id);
	return 0;
}

/*
 * Why: a watched task that leaves its cgroup is an event and stays watched. Since 5.5. The header's pid is the task
 * that was moved, the slot its own. Misses: moves of tasks that are not watched (their exec tells).
 */
SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(cgroup_attach_task, struct cgroup *cgroup, const char *path, struct task_struct *task)
{
	__u32 tgid = BPF_CORE_READ(task, tgid);
	struct rg_task *t = bpf_map_lookup_elem(&tasks, &tgid);

	if (!t || !cgroup__is_v2(cgroup))
		return 0;
	cgroup__send(RG_CGROUP_ATTACH, cgroup, path, task, t->slot, BPF_CORE_READ(cgroup, kn, id));
	return 0;
}
