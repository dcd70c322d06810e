namespace RuntimeGuard.Agent.Sensors;

/// <summary>Which program sees which kind of event.</summary>
static class HookTable
{
    /// <summary>Handlers of sys_exit, and the x86-64 system calls each serves.</summary>
    public static readonly IReadOnlyDictionary<string, uint[]> Calls = new Dictionary<string, uint[]>
    {
        ["on_open"] = [2, 85, 257, 304, 437],
        ["on_make"] = [83, 133, 258, 259],
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
        ["on_send"] = [44, 46],
        ["on_send_many"] = [307],
        ["on_privilege"] = [56, 101, 165, 175, 272, 308, 311, 313, 321, 429, 435],
    };

    /// <summary>Not an event of its own: whether exec can tell files of the image from others.</summary>
    public const string NotInImage = "not-in-image";

    /// <summary>What reaches every handler of a system call.</summary>
    const string Dispatcher = "sys_exit";

    static readonly (string Event, string Program)[] Kinds =
    [
        ("fork", "sched_process_fork"), ("exec", "sched_process_exec"), ("exit", "sched_process_exit"),
        ("open", "on_open"), ("create", "on_open"), ("mkdir", "on_make"), ("unlink", "on_unlink"), ("rename", "on_rename"),
        ("chmod", "on_chmod"), ("chown", "on_chown"), ("link", "on_link"), ("symlink", "on_symlink"),
        ("connect", "on_connect"), ("accept", "on_accept"), ("bind", "on_bind"), ("listen", "on_listen"),
        ("send", "on_send"), ("sendmmsg", "on_send_many"), ("privilege", "on_privilege"), ("cgroup", "cgroup_mkdir"),
        ("dns", "dns_question"), ("dns-answer", "dns_answer"), (NotInImage, NotInImage),
    ];

    /// <summary>For each kind what sees it, or why nothing does. A handler is worth what reaches it.</summary>
    public static List<HookStatus> Describe(
        IReadOnlyDictionary<string, string> seen, IReadOnlyDictionary<string, string> blind) =>
        [.. Kinds.Select(k => Describe(k.Event, k.Program, seen, blind))];

    static HookStatus Describe(
        string kind, string program, IReadOnlyDictionary<string, string> seen, IReadOnlyDictionary<string, string> blind)
    {
        if (Calls.ContainsKey(program) && !seen.ContainsKey(Dispatcher))
            return new HookStatus(kind, "", $"{Dispatcher}: {blind.GetValueOrDefault(Dispatcher, "not part of this build")}");
        return seen.TryGetValue(program, out var hook)
            ? new HookStatus(kind, hook, "")
            : new HookStatus(kind, "", blind.GetValueOrDefault(program, "not part of this build"));
    }
}
