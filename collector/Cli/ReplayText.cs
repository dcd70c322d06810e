using System.Globalization;
using RuntimeGuard.Models.Replay;

namespace RuntimeGuard.Cli;

/// <summary>The report of a replay, for people.</summary>
static class ReplayText
{
    const int MostExamples = 10;

    public static void Show(Terminal terminal, ReplayReport report)
    {
        var scope = report.Scope;
        terminal.Out.WriteLine($"{scope.Events} events of {scope.Containers} containers, {scope.Workloads} workloads, {scope.Nodes} nodes, "
            + $"{Moment.Show(scope.FirstNs)} to {Moment.Show(scope.LastNs)}");
        terminal.Out.WriteLine($"{Words.Number(scope.TrainedContainerDays)} container-days trained, "
            + $"{Words.Number(scope.JudgedContainerDays)} judged from {Moment.Show(scope.JudgedFromNs)}; alpha {Words.Number(report.Alpha)}"
            + (report.Options.Ablations.Count > 0 ? $"; without: {string.Join(", ", report.Options.Ablations)}" : ""));
        if (scope.NotJudged.Count > 0)
            terminal.Out.WriteLine($"not judged: {string.Join(", ", scope.NotJudged.Select(n => $"{n.Count} {n.Kind}"))}");
        if (scope.OutOfOrder > 0)
            terminal.Out.WriteLine($"{scope.OutOfOrder} events are earlier than one before them; sort by time_unix_ns for exact splits");
        terminal.Out.WriteLine();
        ShowFalseAlarms(terminal, report);
        ShowDetection(terminal, report.Detection);
        ShowLearning(terminal, report);
        terminal.Out.WriteLine($"state: {report.State.Behaviours} behaviours, {report.State.EvidenceBytes} bytes of evidence; the largest "
            + $"workload {report.State.LargestBehaviours} and {report.State.LargestEvidenceBytes}; dropped at a cap: {report.State.Dropped}");
        terminal.Out.WriteLine($"scored with marks {report.DataHash[..16]}; evidence {report.EvidenceHash[..16]}");
    }

    /// <summary>An alarm's source as people and machines are told it.</summary>
    public static string Source(AlarmSource source) => source switch
    {
        AlarmSource.Rule => "rule",
        AlarmSource.SingleEvent => "single",
        AlarmSource.Grey => "grey",
        _ => "volume",
    };

    static void ShowFalseAlarms(Terminal terminal, ReplayReport report)
    {
        var alarms = report.FalseAlarms;
        terminal.Out.WriteLine($"false alarms: {alarms.Count}, {Words.Number(alarms.PerContainerDay)} per container-day "
            + $"(95 %: {Words.Number(alarms.Interval.Lower)} to {Words.Number(alarms.Interval.Upper)}); "
            + $"with repetitions {alarms.Raised}; while training {alarms.WhileTraining}; by {Join(alarms.BySource.Select(s => (Source(s.Source), s.Count)))}");
        if (alarms.Examples.Count > 0)
        {
            var sheet = new Sheet("TIME", "WORKLOAD", "BY", "CLASS", "SCORE", "WHAT");
            foreach (var alarm in alarms.Examples.Take(MostExamples))
                sheet.Add(Moment.Show(alarm.TimeNs), alarm.Workload.ToString(), alarm.Rule.Length > 0 ? alarm.Rule : Source(alarm.Source),
                    Words.Of(alarm.Class), Words.Number(alarm.Score), alarm.Summary);
            sheet.Show(terminal);
            if (alarms.Count > MostExamples)
                terminal.Out.WriteLine($"and {alarms.Count - MostExamples} more; -o json lists up to {alarms.Examples.Count}");
        }
        terminal.Out.WriteLine();
    }

    static void ShowDetection(Terminal terminal, Detection detection)
    {
        if (detection.Outside > 0)
            terminal.Out.WriteLine($"{detection.Outside} labels name containers or times that were not judged");
        if (detection.Incidents == 0)
            return;
        terminal.Out.WriteLine($"found {detection.Found} of {detection.Incidents} labelled incidents; alarms per incident "
            + $"{Words.Number(detection.AlarmsPerIncidentMedian)} (95 %: {Words.Number(detection.AlarmsPerIncident95)}); first alarm after "
            + $"{Span(detection.SecondsToFirstMedian)} (95 %: {Span(detection.SecondsToFirst95)})");
        terminal.Out.WriteLine($"first found by {Join(detection.FirstFoundBy.Select(s => (Source(s.Source), (long)s.Count)))}");
        var sheet = new Sheet("ATTACK OR TECHNIQUE", "CASES", "FOUND", "SHARE", "95 % INTERVAL");
        foreach (var row in detection.ByAttack.Concat(detection.ByTechnique))
            sheet.Add(row.Name, $"{row.Cases}", $"{row.Found}", Share(row.Share), $"{Share(row.Interval.Lower)} to {Share(row.Interval.Upper)}");
        sheet.Show(terminal);
        terminal.Out.WriteLine();
    }

    static void ShowLearning(Terminal terminal, ReplayReport report)
    {
        var sheet = new Sheet("CLASS", "WORKLOADS", "OPERATIONAL", "MEDIAN HOURS", "LONGEST");
        foreach (var time in report.Learning)
            sheet.Add(Words.Of(time.Class), $"{time.Workloads}", $"{time.Operational}", Hours(time.MedianHours), Hours(time.LongestHours));
        sheet.Show(terminal);
        terminal.Out.WriteLine();
    }

    static string Join(IEnumerable<(string Name, long Count)> counts) =>
        string.Join(", ", counts.Select(count => $"{count.Name} {count.Count}"));

    static string Share(double share) => share.ToString("0.00", CultureInfo.InvariantCulture);

    static string Hours(double hours) => double.IsNaN(hours) ? "-" : Words.Number(hours);

    static string Span(double seconds) => double.IsNaN(seconds) ? "-" : Moment.ShowSpan((long)(seconds * 1e9));
}
