using System.Security.Cryptography;
using Google.Protobuf;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Models.Replay;

/// <summary>
/// Replays a recording through the same <see cref="Baseline.Observe"/> as production and reports. The source is opened anew
/// for every pass (one to survey it, one to replay it, one more when containers are split). One thread; no clock.
/// </summary>
public sealed class ReplayRun
{
    public const long ProgressEvery = 1 << 16;

    readonly ReplayOptions _options;
    readonly ModelOptions _modelOptions;
    readonly ReplaySurvey _survey;
    readonly ReplayTally _tally;
    readonly Action<long>? _progress;
    readonly long _trainUntilNs, _testFromNs;
    readonly Dictionary<WorkloadKey, ReplayWorkload> _workloads = [];
    readonly List<ReplayContainer> _living = [];
    string _evidenceHash = "";
    long _events;
    bool _turned;

    ReplayRun(ReplayOptions options, ReplaySurvey survey, Labels labels, Action<long>? progress)
    {
        options.Check(survey);
        (_options, _survey, _progress) = (options, survey, progress);
        _modelOptions = options.ModelOptions();
        (_trainUntilNs, _testFromNs) = (options.TrainUntil(survey), options.TestFromNs(survey));
        var judged = survey.Lives.Select(life => life.Container).Where(Judges).Select(container => container.Id).ToHashSet();
        _tally = new ReplayTally(labels, label =>
            label.ToNs >= _testFromNs && label.FromNs <= survey.LastNs && judged.Contains(label.ContainerId));
    }

    /// <param name="open">Gives the recording from its start, every time.</param>
    /// <param name="progress">Told the number of events replayed now and then.</param>
    /// <exception cref="ReplayException">The options or the recording cannot be used.</exception>
    public static ReplayReport Run(Func<IEventSource> open, ReplayOptions options, Labels? labels = null,
        Action<long>? progress = null) =>
        Run(open, ReplaySurvey.Of(open(), progress), options, labels, progress);

    /// <summary>The same with a survey made before, e.g. of a recording that is replayed with several options.</summary>
    public static ReplayReport Run(Func<IEventSource> open, ReplaySurvey survey, ReplayOptions options, Labels? labels = null,
        Action<long>? progress = null)
    {
        var run = new ReplayRun(options, survey, labels ?? Labels.None, progress);
        if (options.SplitByContainer)
        {
            run.Pass(open(), container => run.Trains(container) ? Part.Train : Part.None);
            run.Turn();
            run.Pass(open(), container => run.Judges(container) ? Part.Test : Part.None);
        }
        else
            run.Pass(open(), _ => Part.TrainThenTest);
        return run.Report();
    }

    bool Trains(RecordedContainer container) => !_options.SplitByContainer || _options.Trains(container);

    bool Judges(RecordedContainer container) => !_options.SplitByContainer || !_options.Trains(container);

    /// <summary>What a container is for in one pass.</summary>
    enum Part
    {
        None,
        Train,
        Test,
        TrainThenTest,
    }

    void Pass(IEventSource source, Func<RecordedContainer, Part> partOf)
    {
        var record = new EventRecord();
        var processes = new RecordedProcesses();
        var containers = new Dictionary<RecordedContainer, ReplayContainer>(ReferenceEqualityComparer.Instance);
        ReplayContainer? container = null;
        var nextTickNs = long.MinValue;
        while (source.Read(record))
        {
            if (++_events % ProgressEvery == 0)
                _progress?.Invoke(_events);
            if (!ReferenceEquals(container?.Recorded, record.Container))
                container = ContainerOf(containers, record, partOf);
            if (container!.Part == Part.None)
                continue;
            var judged = container.Part != Part.Train && record.TimeNs >= _testFromNs;
            if (judged && !_turned && _options.HasTraining)
                Turn();
            if (record.TimeNs >= nextTickNs)
            {
                Tick(record.TimeNs);
                nextTickNs = ((record.TimeNs / ContainerUnits.HourNs) + 1) * ContainerUnits.HourNs;
            }
            var actor = processes.Enter(record, container.Index, out var roles);
            var kind = RecordedKinds.Judged(record.Kind);
            if (kind == EventKind.Unspecified || !container.IsWatched(record.TimeNs))
                continue;
            var verdict = Observe(container, record, kind, actor, roles);
            if (judged)
                _tally.Add(verdict, container.Workload.Key, container.Facts.Id, record.TimeNs);
            else if (verdict.Kind == VerdictKind.Anomalous)
                _tally.AddBefore(verdict, container.Workload.Key);
        }
        Tick(long.MaxValue);
    }

    static Verdict Observe(ReplayContainer container, EventRecord record, EventKind kind, Actor actor, EventFlags roles)
    {
        var baseline = container.Baseline ??= container.Workload.BaselineOf(container.Recorded.Node, record.TimeNs);
        return baseline.Observe(new ContainerEvent
        {
            TimeNs = record.TimeNs,
            Kind = kind,
            Container = container.Facts,
            Actor = actor,
            Flags = record.Flags | roles,
            Path = record.Path.Span,
            Path2 = record.Path2.Span,
            Arguments = kind == EventKind.Exec ? record.Arguments.Span : default,
            Name = kind is EventKind.Connect or EventKind.Send or EventKind.Dns ? record.Name.Span : default,
            Peer = record.Peer.Span,
            Port = record.Port,
            Protocol = record.Protocol,
            Mode = record.Mode,
            Uid = record.Uid,
        });
    }

    ReplayContainer ContainerOf(Dictionary<RecordedContainer, ReplayContainer> known, EventRecord record,
        Func<RecordedContainer, Part> partOf)
    {
        if (known.TryGetValue(record.Container, out var container))
            return container;
        var workload = record.Container.Workload;
        if (!_workloads.TryGetValue(workload, out var owner))
            _workloads.Add(workload, owner = new ReplayWorkload(workload, _modelOptions, _options.NodesApart));
        var life = _survey.LifeOf(record.Container);
        var part = partOf(record.Container);
        container = new ReplayContainer(record.Container, owner, part, known.Count)
        {
            FromNs = part == Part.Test ? Math.Max(life.FirstNs, _testFromNs) : life.FirstNs,
            ToNs = part == Part.Train ? Math.Min(life.LastNs, _trainUntilNs - 1) : life.LastNs,
        };
        known.Add(record.Container, container);
        if (container.Part != Part.None)
            _living.Add(container);
        return container;
    }

    /// <summary>Every model-hour: containers whose last event is past are gone, quiet hours of the others count.</summary>
    void Tick(long nowNs)
    {
        for (var i = _living.Count - 1; i >= 0; i--)
        {
            var container = _living[i];
            if (container.ToNs >= nowNs)
                continue;
            container.Baseline?.Ended(container.Facts, container.ToNs);
            _living.RemoveAt(i);
        }
        if (nowNs == long.MaxValue)
            return;
        foreach (var workload in _workloads.Values)
        {
            workload.Advance(nowNs);
            workload.Review([.. _living.Where(container => container.Workload == workload && container.Baseline is not null)
                .Select(container => container.Facts.Id)], nowNs);
        }
    }

    /// <summary>Training is over.</summary>
    void Turn()
    {
        _turned = true;
        foreach (var workload in _workloads.Values)
        {
            if (_options.NodesApart)
                workload.Merge(_options.Seed);
            if (_modelOptions.SetMembership)
                workload.Lock();
        }
        if (_options.NodesApart)
            foreach (var container in _living)
                container.Baseline = null; // there is another one now
        _evidenceHash = EvidenceHash();
    }

    string EvidenceHash()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var workload in InOrder())
            hash.AppendData(workload.Evidence().ToByteArray());
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    IEnumerable<ReplayWorkload> InOrder() => _workloads.Values
        .OrderBy(w => w.Key.Namespace, StringComparer.Ordinal).ThenBy(w => w.Key.Image, StringComparer.Ordinal);

    ReplayReport Report()
    {
        var lives = _survey.Lives.ToList();
        var trainedDays = lives.Where(life => Trains(life.Container)).Sum(life => life.DaysBetween(long.MinValue, _trainUntilNs));
        var judgedDays = lives.Where(life => Judges(life.Container)).Sum(life => life.DaysBetween(_testFromNs, long.MaxValue));
        var workloads = InOrder().ToList();
        var sizes = workloads.Select(w => (w.Baselines.Sum(b => b.Behaviours), (long)w.Evidence().CalculateSize())).ToList();
        return new ReplayReport
        {
            DataHash = Marks.DataHash,
            EvidenceHash = _turned ? _evidenceHash : EvidenceHash(),
            Options = _options,
            Alpha = _modelOptions.Alpha,
            Scope = new ReplayScope(_survey.Events, _survey.FirstNs, _survey.LastNs, _testFromNs,
                lives.Select(life => life.Container.Node).Distinct().Count(), workloads.Count, lives.Count, trainedDays, judgedDays,
                _survey.OutOfOrder, [.. _survey.NotJudged.Select(n => (RecordedKinds.NameOf(n.Kind), n.Count))], _tally.Verdicts),
            FalseAlarms = _tally.FalseAlarms(judgedDays),
            Detection = _tally.Detection(),
            Learning = [.. Marks.All.Select(marks => LearningOf(workloads, marks.Class))],
            State = new StateSize(sizes.Sum(s => s.Item1), sizes.Max(s => s.Item1), sizes.Sum(s => s.Item2), sizes.Max(s => s.Item2),
                workloads.SelectMany(w => w.Baselines).Sum(b => b.Counters.BehavioursEvicted + b.Counters.BehavioursRefused)),
        };
    }

    static LearningTime LearningOf(List<ReplayWorkload> workloads, BehaviourClass behaviourClass)
    {
        var hours = workloads.Where(w => w.OperationalHours.ContainsKey(behaviourClass))
            .Select(w => w.OperationalHours[behaviourClass]).Order().ToArray();
        return new LearningTime(behaviourClass, workloads.Count, hours.Length,
            MathNet.Numerics.Statistics.Statistics.Median(hours), hours.Length > 0 ? hours[^1] : double.NaN);
    }

    /// <summary>A container in one pass.</summary>
    sealed class ReplayContainer(RecordedContainer recorded, ReplayWorkload workload, Part part, int index)
    {
        public RecordedContainer Recorded => recorded;

        public ReplayWorkload Workload => workload;

        public Part Part => part;

        public int Index => index;

        /// <summary>What it does between these times is shown to the models, and nothing else.</summary>
        public required long FromNs { get; init; }

        public required long ToNs { get; init; }

        public ContainerFacts Facts => field ??= recorded.Facts(FromNs);

        /// <summary>Null until its first event, and again when the baselines of the nodes were merged.</summary>
        public Baseline? Baseline { get; set; }

        public bool IsWatched(long timeNs) => timeNs >= FromNs && timeNs <= ToNs;
    }
}
