using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

sealed partial class Reduction
{
    const uint SetIdBits = 0xC00; // setuid, setgid

    void ReduceRead(in ContainerEvent e, Generaliser generaliser, bool failed)
    {
        // What was not there leaks nothing: client libraries look for credentials in many places.
        if (!SensitivePaths.IsSensitiveRead(e.Path, e.Container)
            || (failed && !SensitivePaths.IsPasswordFile(e.Path) && !SensitivePaths.IsMountedSecret(e.Path, e.Container)
                && !SensitivePaths.IsRawDevice(e.Path)))
            return;
        const int other = 0, credential = 1, escape = 2;
        var literal = Literal();
        PathPattern.Canonicalise(e.Path, ref literal);
        ref var candidate = ref StartPath(BehaviourClass.SensRead, e.Actor, e.Path, generaliser, literal);
        candidate.Rule = CriticalRules.OfRead(e.Path, e);
        candidate.Mark = SensitivePaths.IsRawDevice(e.Path) || SensitivePaths.IsRuntimeSocket(e.Path) ? escape
            : SensitivePaths.IsCredential(e.Path, e.Container) || SensitivePaths.IsProcessSecret(e.Path) ? credential : other;
        Count++;
    }

    void ReduceWrite(in ContainerEvent e, ReadOnlySpan<byte> path, Generaliser generaliser, bool failed)
    {
        var rule = CriticalRules.OfWrite(path, e.Flags);
        if (path is not [(byte)'/', ..] || (failed && rule is null) || SensitivePaths.IsSink(path))
            return;
        var literal = Literal();
        PathPattern.Canonicalise(path, ref literal);
        ref var candidate = ref StartPath(BehaviourClass.FileWrite, e.Actor, path, generaliser, literal);
        candidate.Rule = rule;
        candidate.Mark = WriteMark(path, rule);
        Count++;
    }

    /// <summary>A hard or symbolic link: the new name is written, and what it leads to is part of the behaviour.</summary>
    void ReduceLink(in ContainerEvent e, Generaliser generaliser, bool failed)
    {
        var rule = CriticalRules.OfWrite(e.Path2, e.Flags);
        if (e.Path2 is not [(byte)'/', ..] || (failed && rule is null))
            return;
        var literal = Literal();
        literal.Add("link "u8);
        PathPattern.Canonicalise(e.Path2, ref literal);
        literal.Add(" -> "u8);
        PathPattern.Canonicalise(e.Path, ref literal);
        ref var candidate = ref StartPath(BehaviourClass.FileWrite, e.Actor, e.Path2, generaliser, literal);
        candidate.Rule = rule;
        candidate.Mark = SensitivePaths.IsSensitiveRead(e.Path, e.Container) ? Escape : WriteMark(e.Path2, rule);
        candidate.Subject = KeyHash.Of(candidate.Subject, e.Path);
        Count++;
    }

    void ReduceRemove(in ContainerEvent e, Generaliser generaliser, bool failed)
    {
        if (failed || e.Path is not [(byte)'/', ..])
            return;
        var literal = Literal();
        PathPattern.Canonicalise(e.Path, ref literal);
        ref var candidate = ref StartPath(BehaviourClass.Remove, e.Actor, e.Path, generaliser, literal);
        candidate.Mark = SensitivePaths.IsLogOrHistory(e.Path) ? 1 : 0;
        Count++;
    }

    void ReducePermission(in ContainerEvent e, Generaliser generaliser, bool failed)
    {
        if (failed || e.Path is not [(byte)'/', ..])
            return;
        const int modeOwner = 0, suidOrCaps = 1, escape = 2;
        var literal = Literal();
        if (e.Kind == EventKind.Chmod)
        {
            literal.Add("chmod "u8);
            literal.AddMode(e.Mode);
            literal.Add((byte)' ');
        }
        else
            literal.Add("chown "u8);
        PathPattern.Canonicalise(e.Path, ref literal);
        ref var candidate = ref StartPath(BehaviourClass.Perm, e.Actor, e.Path, generaliser, literal);
        var zone = SensitivePaths.ZoneOf(e.Path);
        candidate.Mark = zone is Zone.Proc or Zone.Sys || SensitivePaths.IsRawDevice(e.Path)
            || SensitivePaths.IsRuntimeSocket(e.Path) ? escape
            : e.Kind == EventKind.Chmod && (e.Mode & SetIdBits) != 0 ? suidOrCaps : modeOwner;
        candidate.Subject = KeyHash.Mix(candidate.Subject, e.Mode);
        Count++;
    }

    /// <summary>mount, setns, unshare, ptrace, process_vm_writev, modules and bpf: no class of their own, all critical.</summary>
    void ReducePrivilege(in ContainerEvent e)
    {
        const int escape = 2;
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
            _ => "bpf"u8,
        });
        if (e.Kind is EventKind.Mount or EventKind.Module)
            PathPattern.Canonicalise(e.Path, ref literal);
        ref var candidate = ref Start(BehaviourClass.Perm, null, literal);
        candidate.Mark = escape;
        candidate.Rule = e.Kind switch
        {
            EventKind.Mount => CriticalRules.Mount,
            EventKind.Setns => CriticalRules.Setns,
            EventKind.Unshare => CriticalRules.Unshare,
            EventKind.Ptrace => CriticalRules.Ptrace,
            EventKind.ProcessVmWritev => CriticalRules.ProcessWrite,
            EventKind.Module => CriticalRules.Module,
            _ => CriticalRules.Bpf,
        };
        candidate.Subject = KeyHash.Of((ulong)e.Kind, e.Path);
        var text = Text(candidate.Text);
        candidate.Levels[0] = KeyHash.Of(Head(BehaviourClass.Perm, 0, e.Actor.Hash), text);
        candidate.Levels[1] = KeyHash.Of(Head(BehaviourClass.Perm, 1, e.Actor.ExeHash), text);
        candidate.Levels[2] = KeyHash.Mix(Head(BehaviourClass.Perm, 2, 0), (ulong)e.Kind);
        candidate.Levels[3] = Head(BehaviourClass.Perm, 3, 0xE5CA);
        Count++;
    }

    const int Escape = 3;

    static int WriteMark(ReadOnlySpan<byte> path, CriticalRule? rule)
    {
        const int appFile = 0, binOrLibrary = 1, persistence = 2;
        if (SensitivePaths.IsPersistence(path))
            return persistence;
        if (rule is not null)
            return Escape;
        return SensitivePaths.ZoneOf(path) switch
        {
            Zone.Binary or Zone.Library => binOrLibrary,
            Zone.Sys or Zone.Device => Escape,
            Zone.Proc when path.StartsWith("/proc/sys"u8) => Escape,
            _ => appFile,
        };
    }

    /// <summary>Path classes share their levels: chain and pattern; executable and pattern; directory and type; zone.</summary>
    ref Candidate StartPath(BehaviourClass behaviourClass, Actor actor, ReadOnlySpan<byte> path, Generaliser generaliser,
        in ByteWriter literal)
    {
        ref var candidate = ref Start(behaviourClass, generaliser, literal, IsBelowSecretMount(path));
        var text = Text(candidate.Text);
        candidate.Subject = KeyHash.Of(path);
        candidate.Levels[0] = KeyHash.Of(Head(behaviourClass, 0, actor.Hash), text);
        candidate.Levels[1] = KeyHash.Of(Head(behaviourClass, 1, actor.ExeHash), text);
        candidate.Levels[2] = BehaviourLevels.Directory(behaviourClass, text);
        candidate.Levels[3] = KeyHash.Mix(Head(behaviourClass, 3, 0), (ulong)SensitivePaths.ZoneOf(path));
        return ref candidate;
    }
}
