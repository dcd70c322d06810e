using System.Globalization;
using RuntimeGuard.Models;
using RuntimeGuard.Models.Replay;
using RuntimeGuard.Tests.Fleet;
using static RuntimeGuard.Tests.Fleet.FleetPlan;

namespace RuntimeGuard.Benchmarks;

/// <summary>
/// What the models are worth on fleets with ground truth: realised false alarms against alpha, time to operational, detection
/// by attack, and what each part of them adds. Fails when false alarms exceed their target beyond chance, or when plain set
/// membership is not clearly worse.
/// </summary>
static class Evaluation
{
    const double SetMembershipIsWorse = 5; // times the false alarms

    static readonly double[] Alphas = [1, 0.1, 0.01];

    static readonly Dictionary<string, Func<bool, List<string>>> Parts = new()
    {
        ["false-alarms"] = FalseAlarms,
        ["learning"] = TimeToOperational,
        ["benign"] = BenignStress,
        ["attacks"] = Attacks,
    };

    public static string Usage => $"evaluate [--quick] [{string.Join(" | ", Parts.Keys)}]...";

    public static int Run(string[] arguments)
    {
        var parts = arguments.Where(argument => argument != "--quick").ToList();
        if (parts.Find(part => !Parts.ContainsKey(part)) is { } unknown)
        {
            Console.Error.WriteLine($"no part '{unknown}' of the evaluation; {Usage}");
            return 2;
        }
        Console.WriteLine($"marks {Marks.DataHash[..16]}; all fleets are synthetic; false alarms count a behaviour of a workload once");
        var failures = Parts.Where(part => parts.Count == 0 || parts.Contains(part.Key))
            .SelectMany(part => part.Value(arguments.Contains("--quick"))).ToList();
        foreach (var failure in failures)
            Console.Error.WriteLine(failure);
        return failures.Count == 0 ? 0 : 1;
    }

    /// <summary>Workloads whose containers behave alike and do not change: what every guarantee is about.</summary>
    static List<string> FalseAlarms(bool quick)
    {
        Console.WriteLine("\nfalse alarms per container-day (95 % interval), by what was learned before");
        Console.WriteLine($"{"container-days trained",-24}{"judged",8}{"new/day",9}{string.Concat(Alphas.Select(a => $"{$"alpha {a}",26}"))}");
        var failures = new List<string>();
        double[] exposures = quick ? [4, 60] : [4, 14, 60, 200, 600];
        foreach (var exposure in exposures)
        {
            var plan = Steady(seed: 11, trainDays: exposure / 5, testDays: 10, workloads: quick ? 6 : 20);
            var fleet = new RecordedFleet(plan);
            var line = $"{exposure,-24}";
            for (var i = 0; i < Alphas.Length; i++)
            {
                var report = Replay(fleet, exposure / 5, Alphas[i]);
                if (i == 0)
                    line += $"{report.Scope.JudgedContainerDays,8:0}{NewPerDay(fleet, exposure / 5),9:0.00}";
                line += $"{Rate(report),26}";
                if (report.FalseAlarms.Interval.Lower > Alphas[i])
                    failures.Add($"alpha {Alphas[i]} after {exposure} container-days: {Rate(report)} false alarms per container-day");
            }
            Console.WriteLine(line);
        }
        ByContainer(quick, failures);
        return failures;
    }

    /// <summary>Half of the replicas teach, the other half, which the models never saw, is judged.</summary>
    static void ByContainer(bool quick, List<string> failures)
    {
        var fleet = new RecordedFleet(Steady(seed: 13, trainDays: 10, testDays: 0, workloads: quick ? 6 : 20));
        var line = $"{"half of the replicas",-24}";
        for (var i = 0; i < Alphas.Length; i++)
        {
            var report = fleet.Replay(new ReplayOptions { SplitByContainer = true, Alpha = Alphas[i] });
            line += i == 0 ? $"{report.Scope.JudgedContainerDays,8:0}{"",9}{Rate(report),26}" : $"{Rate(report),26}";
            if (report.FalseAlarms.Interval.Lower > Alphas[i])
                failures.Add($"alpha {Alphas[i]} on replicas never seen: {Rate(report)} false alarms per container-day");
        }
        Console.WriteLine(line);
    }

    static List<string> TimeToOperational(bool quick)
    {
        Console.WriteLine("\nhours until a class is operational, median (workloads that got there)");
        var days = quick ? 16 : 32;
        foreach (var (name, workload) in new (string, FleetWorkload)[]
        {
            ("web x5", new FleetWorkload("web", 5, 60, 1.3, 60)), ("db x3", new FleetWorkload("db", 3, 40, 1.5, 60)),
            ("batch x1", new FleetWorkload("batch", 1, 200, 1.1, 60)),
        })
        {
            var plan = new FleetPlan
            {
                Seed = 5,
                Days = days,
                Workloads = [.. Enumerable.Range(0, quick ? 3 : 9).Select(i => workload with { Name = $"{workload.Name}{(char)('a' + i)}" })],
            };
            var report = new RecordedFleet(plan).Replay(new ReplayOptions());
            Console.WriteLine($"{name,-10}{string.Join("  ", report.Learning.Select(t => string.Create(CultureInfo.InvariantCulture,
                $"{t.Class} {t.MedianHours:0} ({t.Operational}/{t.Workloads})")))}");
        }
        return [];
    }

    /// <summary>Rollouts, scale-out, cron, drift: not exchangeable, so nothing is promised and it is only told.</summary>
    static List<string> BenignStress(bool quick)
    {
        Console.WriteLine("\nbenign change after 14 days of learning, false alarms per container-day");
        var steady = new FleetWorkload("x", 5, 60, 1.3, 60);
        foreach (var (name, workload) in new (string, FleetWorkload)[]
        {
            ("none", steady), ("daily and weekly jobs", steady with { DailyJob = true, WeeklyJob = true }),
            ("a rollout with 4 new behaviours", steady with { Rollouts = [16] }), ("scale-out 5 to 15", steady with { ScaleOut = (16, 15) }),
            ("a function never used while learning", steady with { Function = (16, 20) }),
            ("drift, one new behaviour a day", steady with { DriftFromDay = 15 }),
        })
        {
            var plan = new FleetPlan
            {
                Seed = 3,
                Days = 20,
                Workloads = [.. Enumerable.Range(0, quick ? 3 : 10).Select(i => workload with { Name = $"app{(char)('a' + i)}" })],
            };
            var report = Replay(new RecordedFleet(plan), 14, null);
            Console.WriteLine($"{name,-40}{Rate(report),26}  repetitions included {report.FalseAlarms.Raised}");
        }
        return [];
    }

    static List<string> Attacks(bool quick)
    {
        var fleet = new RecordedFleet(Attacked(quick));
        var full = Replay(fleet, TrainDays, null);
        Console.WriteLine($"\ndetection after {TrainDays} days of learning, default alpha; alarms per incident median "
            + $"{full.Detection.AlarmsPerIncidentMedian:0} p95 {full.Detection.AlarmsPerIncident95:0}; first found by "
            + string.Join(", ", full.Detection.FirstFoundBy.Select(s => $"{s.Source} {s.Count}")));
        foreach (var row in full.Detection.ByAttack)
            Console.WriteLine($"{row.Name,-24}{row.Found,4} of {row.Cases,-4}{$"{row.Share:0.00} ({row.Interval.Lower:0.00}-{row.Interval.Upper:0.00})",20}");

        Console.WriteLine($"\n{"ablation",-20}{"false alarms per container-day",32}{"repeated",10}{"incidents found",17}{"state bytes",13}");
        Row("(none)", full);
        var failures = new List<string>();
        foreach (var ablation in Ablation.All)
        {
            var report = Replay(fleet, TrainDays, null, ablation.Name);
            Row(ablation.Name, report);
            if (ablation.Name == "set-membership" && report.FalseAlarms.Count < SetMembershipIsWorse * Math.Max(1, full.FalseAlarms.Count))
                failures.Add($"set membership has {report.FalseAlarms.Count} false alarms where the models have {full.FalseAlarms.Count}: not clearly worse");
        }
        var options = Options(TrainDays, null) with { NodesApart = true };
        var merged = fleet.Replay(options);
        Row("nodes apart, merged", merged);
        var shuffled = fleet.Replay(options with { Seed = 99 });
        Console.WriteLine($"evidence of merged nodes is {Same(merged, shuffled)} in another order, and {Same(merged, full)} that of a single node");
        if (merged.EvidenceHash != shuffled.EvidenceHash)
            failures.Add("the order of merging changes the evidence");
        return failures;
    }

    const double TrainDays = 14;

    static FleetPlan Attacked(bool quick)
    {
        var count = quick ? 4 : 20;
        var attacks = new List<FleetAttack>();
        var kinds = FleetAttacks.Kinds.Keys.Where(kind => kind != CrossedRole).ToList();
        for (var workload = 0; workload < count; workload++)
        {
            // Poisoned on one replica while it learns; the same again, on another one, is what must be found.
            attacks.Add(new FleetAttack("poisoned", workload, 0, Start + (3 * Day) + (5 * Hour)));
            for (var i = 0; i < kinds.Count; i++)
                attacks.Add(new FleetAttack(kinds[i], workload, i, AttackAt(workload, i), kinds[i] == "worm" ? 5 : 1));
        }
        var steady = Steady(21, TrainDays, 10, count);
        var roles = Enumerable.Range(0, count / 4)
            .Select(i => new FleetWorkload($"duo{(char)('a' + i)}", 2 * ReplicasOfRole, 300, 1.2, 20) { Roles = 2 }).ToList();
        for (var i = 0; i < count; i++)
            attacks.Add(new FleetAttack(CrossedRole, count + (i / ReplicasOfRole), 2 * (i % ReplicasOfRole), AttackAt(i, i)));
        return steady with { Workloads = [.. steady.Workloads, .. roles], Attacks = attacks };
    }

    const string CrossedRole = "crossed-role";
    const int ReplicasOfRole = 4;

    static long AttackAt(int workload, int number) => Start + (long)((TrainDays + 0.3 + (number % 13 * 0.25)) * Day) + (workload * 7 * Second);

    static FleetPlan Steady(ulong seed, double trainDays, double testDays, int workloads) => new()
    {
        Seed = seed,
        Days = trainDays + testDays,
        Workloads = [.. Enumerable.Range(0, workloads).Select(i => (i % 4) switch
        {
            0 => new FleetWorkload($"web{(char)('a' + i)}", 5, 300, 1.2, 20),
            1 => new FleetWorkload($"api{(char)('a' + i)}", 5, 1500, 1.1, 20),
            2 => new FleetWorkload($"db{(char)('a' + i)}", 5, 100, 1.5, 20),
            _ => new FleetWorkload($"job{(char)('a' + i)}", 5, 6000, 1.0, 20),
        })],
    };

    static ReplayOptions Options(double trainDays, double? alpha, params string[] ablations) =>
        new() { TrainUntilNs = Start + (long)(trainDays * Day), Alpha = alpha, Ablations = ablations };

    static ReplayReport Replay(RecordedFleet fleet, double trainDays, double? alpha, params string[] ablations) =>
        fleet.Replay(Options(trainDays, alpha, ablations));

    /// <summary>How much new there is after training: what alarms when all that is new alarms.</summary>
    static double NewPerDay(RecordedFleet fleet, double trainDays) =>
        Replay(fleet, trainDays, null, "set-membership").FalseAlarms.PerContainerDay;

    static string Rate(ReplayReport report) => string.Create(CultureInfo.InvariantCulture,
        $"{report.FalseAlarms.PerContainerDay:0.0000} ({report.FalseAlarms.Interval.Lower:0.0000}-{report.FalseAlarms.Interval.Upper:0.0000})");

    static string Same(ReplayReport a, ReplayReport b) => a.EvidenceHash == b.EvidenceHash ? "the same" : "NOT the same";

    static void Row(string name, ReplayReport report) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"{name,-20}{Rate(report),32}{report.FalseAlarms.Raised,10}{$"{report.Detection.Found} of {report.Detection.Incidents}",17}{report.State.EvidenceBytes,13:N0}"));
}
