using MathNet.Numerics.Statistics;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Models.Replay;

/// <summary>Counts verdicts of the judged part: alarms within a label find its incident, all others are false.</summary>
sealed class ReplayTally
{
    const int MostExamples = 100;
    const double NsPerSecond = 1e9;

    readonly Labels _labels;
    readonly long[] _verdicts = new long[Enum.GetValues<VerdictKind>().Length];
    readonly HashSet<(WorkloadKey, ulong, string)> _once = [];
    readonly long[] _bySource = new long[Enum.GetValues<AlarmSource>().Length];
    readonly SortedDictionary<BehaviourClass, long> _byClass = [];
    readonly List<Alarm> _examples = [];
    readonly HashSet<Label> _foundSteps = new(ReferenceEqualityComparer.Instance);
    readonly SortedDictionary<string, Incident> _incidents = new(StringComparer.Ordinal);
    readonly int _outside;
    long _count, _raised, _before;

    /// <param name="judged">The labels that lie in the judged part of the recording; the rest is not asked for.</param>
    public ReplayTally(Labels labels, Func<Label, bool> judged)
    {
        _labels = labels;
        foreach (var label in labels.All.Where(judged))
        {
            if (!_incidents.TryGetValue(label.Incident, out var incident))
                _incidents.Add(label.Incident, incident = new Incident(label.Attack));
            incident.Steps.Add(label);
        }
        _outside = labels.All.Count - _incidents.Values.Sum(incident => incident.Steps.Count);
    }

    public IReadOnlyList<(VerdictKind, long)> Verdicts => [.. _verdicts.Select((count, kind) => ((VerdictKind)kind, count))];

    public void Add(in Verdict verdict, WorkloadKey workload, string container, long timeNs)
    {
        _verdicts[(int)verdict.Kind]++;
        if (verdict.Anomaly is not { } anomaly)
            return;
        var source = SourceOf(anomaly);
        var labelled = false;
        foreach (var label in _labels.At(container, timeNs))
        {
            labelled = true;
            _foundSteps.Add(label);
            if (_incidents.TryGetValue(label.Incident, out var incident))
                incident.Alarm(source, timeNs);
        }
        if (!labelled)
            AddFalse(anomaly, source, verdict.Behaviour, workload, container, timeNs);
    }

    /// <summary>An alarm while training: who had that ticket knows it when it comes again.</summary>
    public void AddBefore(in Verdict verdict, WorkloadKey workload)
    {
        if (_once.Add((workload, verdict.Behaviour, verdict.Anomaly!.Rule)))
            _before++;
    }

    public FalseAlarms FalseAlarms(double containerDays) => new(_count, _raised, _before,
        containerDays > 0 ? _count / containerDays : 0, Interval.Garwood(_count, containerDays),
        [.. _bySource.Select((count, source) => ((AlarmSource)source, count))], [.. _byClass.Select(c => (c.Key, c.Value))], _examples);

    public Detection Detection()
    {
        var found = _incidents.Values.Where(incident => incident.Alarms > 0).ToList();
        var alarms = found.Select(incident => (double)incident.Alarms).ToArray();
        var seconds = found.Select(incident => incident.FirstAlarmNs - incident.Steps.Min(s => s.FromNs))
            .Select(ns => ns / NsPerSecond).ToArray();
        return new Detection(_incidents.Count, found.Count, _outside, Quantile(alarms, 0.5), Quantile(alarms, 0.95), Quantile(seconds, 0.5),
            Quantile(seconds, 0.95),
            Rows(_incidents.Values.Select(incident => (incident.Attack, incident.Alarms > 0))),
            Rows(_incidents.Values.SelectMany(incident => incident.Steps).Where(step => step.Technique.Length > 0)
                .Select(step => (step.Technique, _foundSteps.Contains(step)))),
            [.. Enum.GetValues<AlarmSource>().Select(s => (s, found.Count(incident => incident.FirstSource == s)))],
            [.. Enum.GetValues<AlarmSource>().Select(s => (s, found.Count(incident => (incident.Sources & (1 << (int)s)) != 0)))],
            [.. _incidents.Where(entry => entry.Value.Alarms == 0).Select(entry => entry.Key).Take(MostExamples)]);
    }

    void AddFalse(Anomaly anomaly, AlarmSource source, ulong behaviour, WorkloadKey workload, string container, long timeNs)
    {
        _raised++;
        if (!_once.Add((workload, behaviour, anomaly.Rule)))
            return;
        _count++;
        _bySource[(int)source]++;
        _byClass[anomaly.Class] = _byClass.GetValueOrDefault(anomaly.Class) + 1;
        if (_examples.Count < MostExamples)
            _examples.Add(new Alarm(timeNs, workload, container, source, anomaly.Class, anomaly.Rule, anomaly.Behaviour,
                anomaly.Summary, anomaly.Explanation?.Score ?? 0));
    }

    static AlarmSource SourceOf(Anomaly anomaly) => anomaly.Rule switch
    {
        "" => AlarmSource.SingleEvent,
        Baseline.GreyRule => AlarmSource.Grey,
        Baseline.VolumeRule or Baseline.FanOutRule => AlarmSource.Volume,
        _ => AlarmSource.Rule,
    };

    static double Quantile(double[] values, double tau) => values.Length == 0 ? double.NaN : Statistics.Quantile(values, tau);

    static IReadOnlyList<DetectionRow> Rows(IEnumerable<(string Name, bool Found)> cases) =>
    [
        .. cases.GroupBy(c => c.Name).OrderBy(group => group.Key, StringComparer.Ordinal).Select(group =>
        {
            var (all, found) = (group.Count(), group.Count(c => c.Found));
            return new DetectionRow(group.Key, all, found, Interval.ClopperPearson(found, all));
        }),
    ];

    sealed class Incident(string attack)
    {
        public string Attack => attack;

        public List<Label> Steps { get; } = [];

        public int Alarms { get; private set; }

        public long FirstAlarmNs { get; private set; } = long.MaxValue;

        public AlarmSource? FirstSource { get; private set; }

        public int Sources { get; private set; }

        public void Alarm(AlarmSource source, long timeNs)
        {
            Alarms++;
            Sources |= 1 << (int)source;
            if (timeNs < FirstAlarmNs)
                (FirstAlarmNs, FirstSource) = (timeNs, source);
        }
    }
}
