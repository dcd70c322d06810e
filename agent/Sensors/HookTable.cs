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
        ["on_xattr"] = [188, 189, 190, 197, 198, 199, 463, 466],
        ["on_write"] = [1, 18, 20, 40, 275, 296, 326, 328],
        ["on_truncate"] = [76, 77],
        ["on_mmap"] = [9],
        ["on_mprotect"] = [10, 329],
        ["on_connect"] = [42],
        ["on_accept"] = [43, 288],
        ["on_bind"] = [49],
        ["on_listen"] = [50],
        ["on_send"] = [44, 46],
        ["on_send_many"] = [307],
        ["on_privilege"] =
            [56, 101, 155, 161, 165, 166, 175, 248, 249, 250, 272, 308, 311, 313, 321, 323, 425, 429, 435],
        ["on_setuid"] = [105, 113, 117, 122],
        ["on_setgid"] = [106, 114, 119, 123],
        ["on_capset"] = [126],
        ["on_prctl"] = [157],
    };

    /// <summary>Handlers of io_uring's completions, and the operations each serves.</summary>
    public static readonly IReadOnlyDictionary<string, uint[]> RingOperations = new Dictionary<string, uint[]>
    {
        ["ring_on_open"] = [18, 28],
        ["ring_on_name"] = [35, 36, 37, 38, 39],
        ["ring_on_connect"] = [16],
        ["ring_on_accept"] = [13],
        ["ring_on_local"] = [56, 57],
        ["ring_on_send"] = [9, 26, 47, 48],
    };

    /// <summary>Not an event of its own: whether exec can tell files of the image from others.</summary>
    public const string NotInImage = "not-in-image";

    /// <summary>What reaches every handler of a system call.</summary>
    const string Dispatcher = "sys_exit";

    /// <summary>What reaches every handler of io_uring; the first as newer kernels name it, or as older ones do.</summary>
    const string Submission = "ring_submit", FormerSubmission = "ring_submit_sqe", Completion = "ring_complete";

    static readonly (string Event, string Program)[] Kinds =
    [
        ("fork", "sched_process_fork"), ("exec", "sched_process_exec"), ("exit", "sched_process_exit"),
        ("open", "on_open"), ("create", "on_open"), ("mkdir", "on_make"), ("unlink", "on_unlink"), ("rename", "on_rename"),
        ("chmod", "on_chmod"), ("chown", "on_chown"), ("link", "on_link"), ("symlink", "on_symlink"),
        ("setxattr", "on_xattr"), ("written", "on_write"), ("truncate", "on_truncate"), ("library", "on_mmap"),
        ("library-mprotect", "on_mprotect"),
        ("connect", "on_connect"), ("accept", "on_accept"), ("bind", "on_bind"), ("listen", "on_listen"),
        ("send", "on_send"), ("sendmmsg", "on_send_many"), ("privilege", "on_privilege"), ("setuid", "on_setuid"),
        ("setgid", "on_setgid"), ("capset", "on_capset"), ("name", "on_prctl"), ("signal", "signal_generate"), ("cgroup", "cgroup_mkdir"),
        ("dns", "dns_question"), ("dns-answer", "dns_answer"), (NotInImage, NotInImage), ("32-bit", Dispatcher),
        ("uring-open", "ring_on_open"), ("uring-names", "ring_on_name"), ("uring-connect", "ring_on_connect"),
        ("uring-accept", "ring_on_accept"), ("uring-accept-multishot", "ring_complete_more"), ("uring-bind", "ring_on_local"),
        ("uring-send", "ring_on_send"), ("uring-overflow", "ring_overflow"),
    ];

    /// <summary>For each kind what sees it, or why nothing does. A handler is worth what reaches it.</summary>
    public static List<HookStatus> Describe(
        IReadOnlyDictionary<string, string> seen, IReadOnlyDictionary<string, string> blind) =>
        [.. Kinds.Select(k => Describe(k.Event, k.Program, seen, blind))];

    static HookStatus Describe(
        string kind, string program, IReadOnlyDictionary<string, string> seen, IReadOnlyDictionary<string, string> blind)
    {
        string? missing = Needs(program).FirstOrDefault(needed => !seen.ContainsKey(needed));
        if (missing == Submission && seen.ContainsKey(FormerSubmission))
            missing = null;
        if (missing is not null)
            return new HookStatus(kind, "", $"{missing}: {blind.GetValueOrDefault(missing, "not part of this build")}");
        return seen.TryGetValue(program, out var hook)
            ? new HookStatus(kind, hook, "")
            : new HookStatus(kind, "", blind.GetValueOrDefault(program, "not part of this build"));
    }

    static string[] Needs(string program) =>
        Calls.ContainsKey(program) ? [Dispatcher]
        : program.StartsWith("ring_on_", StringComparison.Ordinal) ? [Submission, Completion]
        : program.StartsWith("ring_", StringComparison.Ordinal) ? [Submission] : [];
}
