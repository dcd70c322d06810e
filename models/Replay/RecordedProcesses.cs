namespace RuntimeGuard.Models.Replay;

/// <summary>
/// From pid, start, parent and executable to the actor of an event, as the agent's pipeline finds it: the entrypoint comes
/// from the runtime, a process without a known parent was put in from outside, a process that listens or accepted serves
/// until it execs. Where a recording lacks forks or execs, the executable an event names fills in. One thread at a time.
/// </summary>
sealed class RecordedProcesses
{
    const int Limit = 1 << 18;

    // The names the agent gives: the runtime that starts the entrypoint, whoever puts a process in from outside, a lost exec.
    readonly Actor _runtime = Actor.Entry("(runtime)");
    readonly Actor _injected = Actor.Entry("(injected)");
    readonly Actor _unknown = Actor.Entry("(unknown)");
    readonly Dictionary<string, Actor> _entries = [];
    readonly Dictionary<(int Container, uint Pid), Process> _living = [];
    readonly HashSet<int> _entrySeen = [];

    /// <summary>Processes forgotten because the table was full; what they do next is attributed anew.</summary>
    public long Evicted { get; private set; }

    /// <summary>The acting process of the event and what is known of it; moves the tree on by the event itself.</summary>
    /// <param name="container">The container's number in this replay.</param>
    public Actor Enter(EventRecord record, int container, out EventFlags flags)
    {
        flags = EventFlags.None;
        switch (record.Kind)
        {
            case RecordedKind.Exec:
                return Exec(record, container, out flags);
            case RecordedKind.Fork:
                return Known(record, container).Actor ?? _unknown;
            case RecordedKind.Exit:
                return _living.Remove((container, record.Pid), out var gone) ? gone.Actor ?? _unknown : _unknown;
        }
        var process = Known(record, container);
        flags = RoleOf(process);
        if (record.Kind is RecordedKind.Listen or RecordedKind.Accept)
        {
            // As in the agent: it serves already when it accepts, and only after it began to listen.
            process.Serves = true;
            if (record.Kind == RecordedKind.Accept)
                flags = RoleOf(process);
        }
        return process.Actor ?? _unknown;
    }

    Actor Exec(EventRecord record, int container, out EventFlags flags)
    {
        var parent = Parent(record, container);
        var process = Find(record, container) ?? Add(record, container, new Process { Injected = parent is { Injected: true } });
        flags = process.Serves || parent is { Serves: true } ? EventFlags.ActorServes : EventFlags.None;
        if (process.Injected)
            flags |= EventFlags.Injected;
        if (process.IsEntry && !process.Serves)
            flags |= EventFlags.EntryActor;
        var acting = process.Actor ?? parent?.Actor;
        if (acting is null && (_entrySeen.Add(container) || record.Pid == 1))
        {
            process.IsEntry = true;
            flags |= EventFlags.EntryActor;
            acting = _runtime;
        }
        else if (acting is null)
        {
            process.Injected = true;
            flags |= EventFlags.Injected;
            acting = _injected;
        }
        process.Actor = ReferenceEquals(acting, _runtime) ? Entry(record.Exe.Text)
            : acting.Exec(record.Exe.Text, FirstArgument(record.Arguments.Span));
        process.Exe = record.Exe;
        process.Serves = false;
        return acting;
    }

    /// <summary>The process an event names; one whose fork or exec was not recorded is entered by what the event says.</summary>
    Process Known(EventRecord record, int container)
    {
        var process = Find(record, container);
        if (process is null)
        {
            var parent = Parent(record, container);
            process = Add(record, container, new Process { Injected = parent is { Injected: true } });
            if (parent?.Actor is not null)
            {
                // Forked, and the likeness of its parent until an event says it runs something else.
                (process.Actor, process.Exe, process.Serves) = (parent.Actor, parent.Exe, parent.Serves);
            }
            else if (record.Exe.Bytes.Length > 0)
            {
                process.IsEntry = _entrySeen.Add(container) || record.Pid == 1;
                (process.Actor, process.Exe) = (Entry(record.Exe.Text), record.Exe);
            }
        }
        if (ReferenceEquals(process.Exe, record.Exe) || record.Exe.Bytes.Length == 0)
            return process;
        if (!process.Exe.Bytes.Span.SequenceEqual(record.Exe.Bytes.Span))
        {
            process.Actor = process.Actor?.Exec(record.Exe.Text, FirstArgument(record.Arguments.Span)) ?? Entry(record.Exe.Text);
            process.Serves = false;
        }
        process.Exe = record.Exe;
        return process;
    }

    Process? Find(EventRecord record, int container)
    {
        if (!_living.TryGetValue((container, record.Pid), out var process))
            return null;
        if (process.StartNs == record.ProcessStartNs || process.StartNs == 0 || record.ProcessStartNs == 0)
            return process;
        // Another process has the pid now. A late event of the one before is taken as the new one's: its end was not recorded.
        if (process.StartNs > record.ProcessStartNs)
            return process;
        _living.Remove((container, record.Pid));
        return null;
    }

    Process? Parent(EventRecord record, int container) =>
        record.ParentPid != record.Pid && _living.TryGetValue((container, record.ParentPid), out var parent) ? parent : null;

    Process Add(EventRecord record, int container, Process process)
    {
        if (_living.Count >= Limit)
        {
            // Recordings without exits fill it; entry processes and servers are what later events hang on.
            var victims = _living.Where(entry => !entry.Value.IsEntry && !entry.Value.Serves).Select(entry => entry.Key).ToList();
            foreach (var victim in victims.Count > 0 ? victims : [.. _living.Keys])
                _living.Remove(victim);
            Evicted += Limit - _living.Count;
        }
        process.StartNs = record.ProcessStartNs;
        _living[(container, record.Pid)] = process;
        return process;
    }

    Actor Entry(string exe)
    {
        if (_entries.TryGetValue(exe, out var known))
            return known;
        if (_entries.Count >= Limit)
            _entries.Clear();
        return _entries[exe] = Actor.Entry(exe);
    }

    static EventFlags RoleOf(Process process) =>
        (process.Serves ? EventFlags.ActorServes : EventFlags.None)
        | (process.IsEntry && !process.Serves ? EventFlags.EntryActor : EventFlags.None)
        | (process.Injected ? EventFlags.Injected : EventFlags.None);

    static ReadOnlySpan<byte> FirstArgument(ReadOnlySpan<byte> block) =>
        block.IndexOf((byte)0) is >= 0 and var end ? block[..end] : block;

    sealed class Process
    {
        public Actor? Actor;
        public InternedText Exe = InternedText.Empty;
        public long StartNs;
        public bool Serves, IsEntry, Injected;
    }
}
