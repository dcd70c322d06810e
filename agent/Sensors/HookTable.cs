namespace RuntimeGuard.Agent.Sensors;

/// <summary>Which program sees which kind of event.</summary>
static class HookTable
{
    /// <summary>Handlers of sys_exit, and the x86-64 system calls each serves.</summary>
    public static readonly IReadOnlyDictionary<string, uint[]> Calls = new Dictionary<string, uint[]>
    {
        ["on_open"] = [2, 85, 257, 437],
        ["on_unlink"] = [84, 87, 263],
        ["on_rename"] = [82, 264, 316],
        ["on_link"] = [86, 265],
        ["on_symlink"] = [88, 266],
        ["on_chmod"] = [90, 91, 268, 452],
        ["on_chown"] = [92, 93, 94, 260],
        ["on_connect"] = [42],
        ["on_accept"] = [43, 288],
        ["on_bind"] = [49],
        ["on_listen"] = [50],
        ["on_send"] = [44, 46, 307],
        ["on_privilege"] = [56, 101, 165, 175, 272, 308, 311, 313, 321, 429, 435],
    };

    static readonly (string Event, string Program)[] Kinds =
    [
        ("fork", "sched_process_fork"), ("exec", "sched_process_exec"), ("exit", "sched_process_exit"),
        ("open", "on_open"), ("create", "on_open"), ("unlink", "on_unlink"), ("rename", "on_rename"),
        ("chmod", "on_chmod"), ("chown", "on_chown"), ("link", "on_link"), ("symlink", "on_symlink"),
        ("connect", "on_connect"), ("accept", "on_accept"), ("bind", "on_bind"), ("listen", "on_listen"),
        ("send", "on_send"), ("privilege", "on_privilege"), ("cgroup", "cgroup_mkdir"),
    ];

    /// <summary>For each kind what sees it, or why nothing does.</summary>
    public static List<HookStatus> Describe(
        IReadOnlyDictionary<string, string> seen, IReadOnlyDictionary<string, string> blind) =>
        [.. Kinds.Select(k => new HookStatus(
            k.Event,
            seen.GetValueOrDefault(k.Program, ""),
            seen.ContainsKey(k.Program) ? "" : blind.GetValueOrDefault(k.Program, "not part of this build")))];
}
