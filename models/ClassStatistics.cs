using MathNet.Numerics.Distributions;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Models;

/// <summary>Good–Turing statistics of one workload, for every class and level.</summary>
sealed class ClassStatistics
{
    const double Confidence = 0.95;
    const double NormalQuantile = 1.645;
    const double DayNs = 24.0 * ContainerUnits.HourNs;
    const int FullDays = 7;
    const double FullWeek = 0.95;

    readonly IncidenceCounts[,] _counts = new IncidenceCounts[ContainerUnits.ClassCount, LevelKeys.Count];
    readonly double[,] _bounds = new double[ContainerUnits.ClassCount, LevelKeys.Count];
    readonly double[] _units = new double[ContainerUnits.ClassCount];
    readonly double[] _unitsPerDay = new double[ContainerUnits.ClassCount];
    readonly long[] _firstSeen = new long[ContainerUnits.ClassCount];
    readonly long[] _lastSeen = new long[ContainerUnits.ClassCount];
    readonly int[] _quarantined = new int[ContainerUnits.ClassCount];
    readonly int[] _onOneDay = new int[ContainerUnits.ClassCount];
    readonly int[] _starts = new int[ContainerUnits.ClassCount];
    readonly Calendar[] _calendars = new Calendar[ContainerUnits.ClassCount];
    readonly int[][] _marks = new int[ContainerUnits.ClassCount][];
    [ThreadStatic]
    static IncidenceTables? s_tables;

    public ClassStatistics()
    {
        foreach (var marks in Marks.All)
            _marks[(int)marks.Class] = new int[marks.Marks.Length];
    }

    public double Units(BehaviourClass c) => _units[(int)c];

    public IncidenceCounts Counts(BehaviourClass c, int level = 0) => _counts[(int)c, level];

    public int Quarantined(BehaviourClass c) => _quarantined[(int)c];

    /// <summary>Leave-one-out singletons of the class by mark, first seen after its first complete unit and outside start-up.</summary>
    public ReadOnlySpan<int> MarkCounts(BehaviourClass c) => _marks[(int)c];

    public double UnitsPerDay(BehaviourClass c) => _unitsPerDay[(int)c];

    /// <summary>Complete start-ups seen.</summary>
    public int Starts(BehaviourClass c) => _starts[(int)c];

    /// <summary>
    /// Seven days or more, no behaviour on one day alone, and 95 % of the hours of the week watched: what comes daily or weekly
    /// has been seen. Jobs have no calendar: their runs are their units.
    /// </summary>
    public bool IsCalendarComplete(BehaviourClass c, bool runs) => runs || (_calendars[(int)c].DaysSeen >= FullDays
        && _onOneDay[(int)c] == 0 && HasFullWeek(c));

    /// <summary>95 % of the hours of the week were watched.</summary>
    public bool HasFullWeek(BehaviourClass c) => _calendars[(int)c].HoursSeen >= FullWeek * Calendar.HoursOfWeek;

    /// <summary>
    /// New behaviours per day in an hour of the week that was never watched: max(Q1/T, (D1+1)/D/24) of an hour, 24 of which make
    /// a day. 0 where that says nothing: the hour was watched, or the calendar is complete.
    /// </summary>
    public double RateOfUnwatchedHour(BehaviourClass c, bool runs, int hour)
    {
        if (IsCalendarComplete(c, runs) || _calendars[(int)c].Has(hour))
            return 0;
        var units = _units[(int)c];
        var perUnit = units > 0 ? _counts[(int)c, 0].Q1 / units : 0;
        return 24 * Math.Max(perUnit, (_onOneDay[(int)c] + 1.0) / Math.Max(1, _calendars[(int)c].DaysSeen) / 24);
    }

    /// <summary>95 % upper bound of novelty-bearing units per unit; +infinity without units.</summary>
    public double UpperBound(BehaviourClass c, int level = 0)
    {
        ref var bound = ref _bounds[(int)c, level];
        if (double.IsNaN(bound))
            bound = UpperBound(_counts[(int)c, level].N1, _counts[(int)c, level].N2, _units[(int)c]);
        return bound;
    }

    /// <summary>(N1 + 1/2) / T per day: the rate of novelty-bearing units as it stands; +infinity without units.</summary>
    public double Rate(BehaviourClass c, int level) => _units[(int)c] == 0
        ? double.PositiveInfinity
        : (_counts[(int)c, level].N1 + 0.5) / _units[(int)c] * _unitsPerDay[(int)c];

    /// <summary>
    /// The larger of Clopper–Pearson for N1 of T and the normal bound with the Good–Turing variance N1 + N2 (Good 1953, Esty
    /// 1983); nominal 95 %.
    /// </summary>
    public static double UpperBound(int n1, int n2, double units)
    {
        if (units <= 0)
            return double.PositiveInfinity;
        var exact = n1 >= units ? 1 : Beta.InvCDF(n1 + 1, units - n1, Confidence);
        return Math.Max(exact, (n1 + 1 + (NormalQuantile * Math.Sqrt(n1 + n2))) / units);
    }

    /// <summary>The same for behaviours instead of units, as shown to people: the larger of Garwood and the normal bound.</summary>
    public static double UpperBoundOfBehaviours(int q1, int q2, double units) => units <= 0
        ? double.PositiveInfinity
        : Math.Max(ChiSquared.InvCDF((2 * q1) + 2, Confidence) / 2, q1 + 1 + (NormalQuantile * Math.Sqrt(q1 + (2.0 * q2)))) / units;

    /// <summary>Chao2: a lower bound of how many behaviours there are, seen or not.</summary>
    public static double Richness(int seen, int q1, int q2, double units)
    {
        var factor = units > 0 ? (units - 1) / units : 0;
        return seen + (factor * (q2 > 0 ? (double)q1 * q1 / (2.0 * q2) : q1 * (q1 - 1) / 2.0));
    }

    /// <param name="behaviours">As they are seen now: what a pattern covers counts as one.</param>
    public void Compute(IReadOnlyCollection<Behaviour> behaviours, ClassUnits units)
    {
        var tables = s_tables ??= new IncidenceTables();
        foreach (var marks in Marks.All)
        {
            var c = (int)marks.Class;
            (_firstSeen[c], _lastSeen[c], _quarantined[c]) = (long.MaxValue, 0, 0);
            _starts[c] = units.StartsOf(marks.Class).Count;
            _calendars[c] = units.CalendarOf(marks.Class);
            var complete = units.Of(marks.Class);
            _units[c] = complete.Estimate;
            tables.Clear();
            foreach (var behaviour in behaviours)
            {
                if (behaviour.Class != marks.Class)
                    continue;
                _firstSeen[c] = Math.Min(_firstSeen[c], behaviour.FirstSeenNs);
                _lastSeen[c] = Math.Max(_lastSeen[c], behaviour.LastSeenNs);
                if (behaviour.Quarantined && !behaviour.Learned)
                    _quarantined[c]++;
                else if (behaviour is not { Suspected: true, Learned: false, Containers.Count: < 2 })
                    tables.Add(behaviour, complete);
            }
            for (var level = 0; level < LevelKeys.Count; level++)
            {
                _counts[c, level] = tables.Count(level);
                _bounds[c, level] = double.NaN;
            }
            _onOneDay[c] = tables.CountOnOneDay();
            Array.Clear(_marks[c]);
            tables.CountMarks(marks.Class, units.FirstCompleteNs(marks.Class), _marks[c]);
            var days = Math.Max(1, (_lastSeen[c] - _firstSeen[c]) / DayNs);
            _unitsPerDay[c] = units.AreRuns(marks.Class) ? _units[c] / days : 24;
        }
    }
}
