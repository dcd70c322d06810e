namespace RuntimeGuard.Models.Replay;

/// <summary>What a recording spans, found in a pass of its own: splits and the ends of containers are known before the replay.</summary>
public sealed class ReplaySurvey
{
    readonly Dictionary<(string Node, string Id), ContainerLife> _lives = [];
    readonly long[] _notJudged = new long[RecordedKinds.Count];

    ReplaySurvey()
    {
    }

    public long Events { get; private set; }

    public long FirstNs { get; private set; } = long.MaxValue;

    public long LastNs { get; private set; }

    /// <summary>Events earlier than one before them; the models take them at their own time.</summary>
    public long OutOfOrder { get; private set; }

    /// <summary>Events that the models have no behaviour for, by kind.</summary>
    public IEnumerable<(RecordedKind Kind, long Count)> NotJudged => _notJudged.Select((count, kind) => ((RecordedKind)kind, count))
        .Where(entry => entry.count > 0);

    internal IEnumerable<ContainerLife> Lives => _lives.Values;

    /// <param name="progress">Told the number of events now and then.</param>
    /// <exception cref="ReplayException">The source cannot be used, or holds no event.</exception>
    public static ReplaySurvey Of(IEventSource source, Action<long>? progress = null)
    {
        var survey = new ReplaySurvey();
        var record = new EventRecord();
        RecordedContainer? last = null;
        ContainerLife? life = null;
        while (source.Read(record))
        {
            if (!ReferenceEquals(record.Container, last))
                (last, life) = (record.Container, survey.LifeOf(record));
            life!.See(record.TimeNs);
            survey.See(record);
            if (survey.Events % ReplayRun.ProgressEvery == 0)
                progress?.Invoke(survey.Events);
        }
        return survey.Events > 0 ? survey
            : throw new ReplayException("", "the recording holds no event", "check the file and how it was recorded");
    }

    internal ContainerLife LifeOf(RecordedContainer container) => _lives[(container.Node, container.Id)];

    ContainerLife LifeOf(EventRecord record)
    {
        var key = (record.Container.Node, record.Container.Id);
        if (!_lives.TryGetValue(key, out var life))
            _lives.Add(key, life = new ContainerLife(record.Container));
        return life;
    }

    void See(EventRecord record)
    {
        Events++;
        FirstNs = Math.Min(FirstNs, record.TimeNs);
        if (record.TimeNs < LastNs)
            OutOfOrder++;
        LastNs = Math.Max(LastNs, record.TimeNs);
        if (record.Kind is not (RecordedKind.Exit or RecordedKind.Fork)
            && RecordedKinds.Judged(record.Kind) == Proto.EventKind.Unspecified)
            _notJudged[(int)record.Kind]++;
    }
}

/// <summary>A container lives, for a replay, from its first event to its last.</summary>
sealed class ContainerLife(RecordedContainer container)
{
    const double DayNs = 24.0 * ContainerUnits.HourNs;

    public RecordedContainer Container => container;

    public long FirstNs { get; private set; } = long.MaxValue;

    public long LastNs { get; private set; }

    public void See(long timeNs)
    {
        FirstNs = Math.Min(FirstNs, timeNs);
        LastNs = Math.Max(LastNs, timeNs);
    }

    /// <summary>Days of it between two times.</summary>
    public double DaysBetween(long fromNs, long toNs) => Math.Max(0, Math.Min(LastNs, toNs) - Math.Max(FirstNs, fromNs)) / DayNs;
}
