using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>What reaches out of a container or changes what a process may do: no class of its own, marks of permission changes.</summary>
sealed partial class Reduction
{
    const int Plain = 0, MorePower = 1, ReachesOut = 2;  // mode-owner, suid-or-caps, escape

    void ReducePrivilege(in ContainerEvent e)
    {
        const uint newNamespaces = 0x7E02_0080; // CLONE_NEW*
        if (e.Kind == EventKind.Unshare && (e.Mode & newNamespaces) == 0)
            return;
        var literal = Literal();
        literal.Add(e.Kind switch
        {
            EventKind.Mount => "mount "u8,
            EventKind.Setns => "setns"u8,
            EventKind.Unshare => "unshare"u8,
            EventKind.Ptrace => "ptrace"u8,
            EventKind.ProcessVmWritev => "process_vm_writev"u8,
            EventKind.Module => "module "u8,
            EventKind.Bpf => "bpf"u8,
            EventKind.Umount => "umount "u8,
            EventKind.PivotRoot => "pivot_root "u8,
            EventKind.Chroot => "chroot "u8,
            EventKind.Keyring => "keyring"u8,
            EventKind.Userfaultfd => "userfaultfd"u8,
            _ => "io_uring"u8,
        });
        if (e.Kind is EventKind.Mount or EventKind.Module or EventKind.Umount or EventKind.PivotRoot or EventKind.Chroot)
            PathPattern.Canonicalise(e.Path, ref literal);
        AddPrivilege(e, literal, e.Kind == EventKind.IoUring ? Plain : ReachesOut, e.Kind switch
        {
            EventKind.Mount => CriticalRules.Mount,
            EventKind.Setns => CriticalRules.Setns,
            EventKind.Unshare => CriticalRules.Unshare,
            EventKind.Ptrace => CriticalRules.Ptrace,
            EventKind.ProcessVmWritev => CriticalRules.ProcessWrite,
            EventKind.Module => CriticalRules.Module,
            EventKind.Bpf => CriticalRules.Bpf,
            EventKind.Umount => CriticalRules.Umount,
            EventKind.PivotRoot => CriticalRules.PivotRoot,
            _ => null,
        });
    }

    /// <summary>Who a process became. Giving up is what every careful server does; what makes it more than it was weighs.</summary>
    void ReduceCredential(in ContainerEvent e, bool failed)
    {
        if (failed || (e.Kind == EventKind.Capset && e.Gained == 0))
            return;
        var literal = Literal();
        literal.Add(e.Kind switch
        {
            EventKind.Setuid => "setuid "u8,
            EventKind.Setgid => "setgid "u8,
            EventKind.Capset => "capset"u8,
            _ => "gain "u8,
        });
        if (e.Kind != EventKind.Capset)
            literal.AddNumber(e.Mode);
        if (e.Gained != 0)
        {
            literal.Add(" +"u8);
            literal.AddHex(e.Gained);
        }
        if (e.Kind == EventKind.Gain)
        {
            literal.Add((byte)' ');
            PathPattern.Canonicalise(e.Path, ref literal);
        }
        AddPrivilege(e, literal, e.Gained != 0 || e.Kind == EventKind.Gain ? MorePower : Plain,
            e.Gained != 0 || e.Kind == EventKind.Gain ? CriticalRules.PrivilegeGain : null);
    }

    /// <summary>A device node beside the file it is: the way to a disk that is not the container's.</summary>
    void ReduceNode(in ContainerEvent e, bool failed)
    {
        const uint type = 0xF000, character = 0x2000, block = 0x6000;
        if (failed || (e.Mode & type) is not (character or block))
            return;
        var literal = Literal();
        literal.Add((e.Mode & type) == block ? "mknod b "u8 : "mknod c "u8);
        PathPattern.Canonicalise(e.Path, ref literal);
        AddPrivilege(e, literal, ReachesOut, (e.Mode & type) == block ? CriticalRules.DeviceNode : null);
    }

    /// <summary>A signal to a process that is none of the container's.</summary>
    void ReduceSignal(in ContainerEvent e)
    {
        var literal = Literal();
        literal.Add("signal "u8);
        literal.AddNumber(e.Mode);
        literal.Add(" to "u8);
        AddNameShape(e.Path, ref literal);
        AddPrivilege(e, literal, ReachesOut, CriticalRules.SignalOutside);
    }

    /// <summary>What a process calls itself in lists of processes.</summary>
    void ReduceProcessName(in ContainerEvent e)
    {
        var literal = Literal();
        literal.Add("name "u8);
        AddNameShape(e.Path, ref literal);
        AddPrivilege(e, literal, Plain, IsKernelThreadName(e.Path) ? CriticalRules.Masquerade : null);
    }

    static bool IsKernelThreadName(ReadOnlySpan<byte> name) =>
        name.StartsWith("["u8) || name.StartsWith("kworker"u8) || name.StartsWith("ksoftirqd"u8) || name.StartsWith("kthreadd"u8)
        || name.StartsWith("kswapd"u8) || name.StartsWith("migration/"u8) || name.StartsWith("rcu_"u8);

    /// <summary>Numbers of workers are many: every run of digits is one.</summary>
    static void AddNameShape(ReadOnlySpan<byte> name, scoped ref ByteWriter to)
    {
        for (var i = 0; i < name.Length; i++)
        {
            var digit = name[i] is >= (byte)'0' and <= (byte)'9';
            if (!digit)
                to.Add(name[i]);
            else if (i == 0 || name[i - 1] is < (byte)'0' or > (byte)'9')
                to.Add((byte)'#');
        }
    }

    /// <summary>What excuses what a rule holds for until it was learned: the same kind, but of gains and names only their like.</summary>
    static ulong Sort(in ContainerEvent e, int mark, CriticalRule? rule) =>
        mark == ReachesOut ? (ulong)e.Kind
        : KeyHash.Mix(e.Kind == EventKind.Gain ? KeyHash.Of(e.Path) : (ulong)e.Kind, ((ulong)mark << 1) | (rule is null ? 0u : 1u));

    void AddPrivilege(in ContainerEvent e, in ByteWriter literal, int mark, CriticalRule? rule)
    {
        ref var candidate = ref Start(BehaviourClass.Perm, null, literal);
        candidate.Mark = mark;
        candidate.Rule = rule;
        candidate.Subject = KeyHash.Of((ulong)e.Kind, e.Path);
        var text = Text(candidate.Text);
        candidate.Levels[0] = KeyHash.Of(Head(BehaviourClass.Perm, 0, e.Actor.Hash), text);
        candidate.Levels[1] = KeyHash.Of(Head(BehaviourClass.Perm, 1, e.Actor.ExeHash), text);
        candidate.Levels[2] = KeyHash.Mix(Head(BehaviourClass.Perm, 2, 0), Sort(e, mark, rule));
        candidate.Levels[3] = Head(BehaviourClass.Perm, 3, mark == ReachesOut ? 0xE5CAul : 0xC4EDul + (ulong)mark);
        Count++;
    }
}
