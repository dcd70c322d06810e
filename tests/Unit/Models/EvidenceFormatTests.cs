using System.IO.Compression;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Tests.Unit.Models;

public sealed class EvidenceFormatTests
{
    /// <summary>
    /// A snapshot that the version before wrote (format 1, gzip): nine uploads, of which the eighth collapsed the names to
    /// /srv/out/*w.png beside their literals, /usr/bin/convert a.png, the access log and 10.0.0.5:5432.
    /// </summary>
    const string Format1 =
        "H4sIAAAAAAACA+OS52IpzsgvEBJPyU/OTi3Sy8zXz8lMKkosqtTPS8/MqxBikHonxEVIlQCj0k5GDiYhfv3S4iL94qTMPIi4lIB+cVGZfn5piX5iXoleQV66ot5DkQ8cRRfVtTiKHM+F1W9I4jXiuLnz9K0lx1tWWDQ2NNxvvn30r7gDnOWxYA5jICMDBESJAgkYBwESGIs4EgsKdNMyc1IrGJsYFWCWPPVx2rFScfIxnjULPNsz9+yQ3i+oeyFPOaaDkXESI8ejM5lvM2XctAi6PSk1Fex2iV6BufLGL0Jo6naYJc17m+6fPjdJlUK3JydCwj26K13RJ2bxFZq6HWaJieCr0rwD7jwUuj0lPx3s9ve+k25dVa7mpKnbYZaseCVpH71uUjWFbk9NzQG7fYHs275PAqtX0tTtMEu+HC6tfV7kWkeh29PyK8BuD3qaVnRx/48gmrodZolk1f45U79f30ah29PzSsFuT72u0NahVzqHpm6HWeLFGdr+sqBlE4Vuz0jNA7v9YLdXqUWvVgtN3Q6zpPDA0Re2B6S+EXD7Dqxu54e7Xasc7HRjhtXX5bhKX9DU6TBLFoit8Z9663gjAacfZuRgxHS6GFgAxE/OzytLLSpRSAT7YG7sm2CtjBW+VPYBT2ZuYnqqLtA+YK0J9gXMogd7U/6sFZ7sbxu9iqOMj7Hw8z39r2oSuqlovjiENQIk9csSi/Rz8tMhfP3E5OTU4mI9oICijEz/s3O6t5lpGhUwSwIibQr3cm9PDHxzLYTt/YWnisXrjxeUzrNF88Q5Rg42LJ4oSS5QKCjKLEssSVUwNNADQVMrUxNjI8UPU66oyNcsqKGyJ0TyUst1C/KLSnTzi3TzEnNTc4ChBvYQzMLJjwSs969cK1BpKOGyKEDytCGbZ2lq0pUyVA8ZMFpJcrEY6hmZCsKEJOBu8TLlhDlVAC4opQAzGRbvsNQLCzoAQrCFSpQJAAA=";

    internal static Model OfTheVersionBefore()
    {
        using var packed = new GZipStream(new MemoryStream(Convert.FromBase64String(Format1)), CompressionMode.Decompress);
        return Model.Parser.ParseFrom(packed);
    }

    [Fact]
    public void Evidence_of_the_format_before_keeps_every_verdict()
    {
        var old = OfTheVersionBefore();
        Assert.Equal(1u, old.Evidence.Format);
        var workload = new WorkloadUnderTest();
        workload.Baseline.Restore(old);
        workload.Lock(LearningMode.LockedByHand);
        Assert.Equal(0, workload.Baseline.Counters.EvidenceRefused);
        Assert.Equal(VerdictKind.Known, workload.Write("/srv/out/ant.png").Kind);
        Assert.Equal(VerdictKind.Known, workload.Write("/srv/out/never.png").Kind);
        Assert.Equal(VerdictKind.Known, workload.Write("/var/log/nginx/access.log").Kind);
        Assert.Equal(VerdictKind.Known, workload.Exec("/usr/bin/convert", "convert", "a.png").Kind);
        Assert.Equal(VerdictKind.Known, workload.Connect("10.0.0.5", 5432).Kind);
        Assert.Equal(VerdictKind.Pending, workload.Write("/srv/out/never.php").Kind);
        Assert.Equal(VerdictKind.Anomalous, workload.Connect("10.0.0.6", 5432).Kind);
    }

    [Fact]
    public void It_is_written_and_merged_in_the_format_of_now_with_what_the_patterns_cover_folded_into_them()
    {
        var upgraded = EvidenceFormat.Upgrade(OfTheVersionBefore().Evidence);
        Assert.Equal(EvidenceFormat.Current, upgraded.Format);
        Assert.Null(EvidenceMerge.Refuse(upgraded));
        Assert.Equal(["/srv/out/*w.png", "/usr/bin/convert a.png", "/var/log/nginx/access.log", "tcp private 10.0.0.5:5432"],
            upgraded.Behaviours.Select(b => b.Object).Order(StringComparer.Ordinal));
        var twice = EvidenceMerge.Merge(upgraded, EvidenceFormat.Upgrade(upgraded));
        Assert.Equal(EvidenceMerge.Merge(upgraded, upgraded), twice);
        var workload = new WorkloadUnderTest();
        workload.Baseline.Restore(OfTheVersionBefore());
        var sent = workload.Baseline.TakeDelta()!;
        sent.Revision = 0;
        Assert.Equal(EvidenceMerge.Merge(upgraded, upgraded).Behaviours.ToString(), EvidenceMerge.Merge(sent, sent).Behaviours.ToString());
    }

    /// <summary>Up to format 2 nothing told the units of start-ups apart but the list of them.</summary>
    [Fact]
    public void Units_of_start_ups_and_of_hours_are_told_apart()
    {
        var workload = new WorkloadUnderTest();
        workload.Exec("/usr/bin/date", "date");
        for (var hour = 0; hour < 5; hour++, workload.Now += WorkloadUnderTest.Hour)
            workload.Exec("/usr/bin/date", "date");
        var old = workload.Baseline.Snapshot().Evidence;
        Assert.All(old.Classes.SelectMany(c => c.Units), unit => Assert.False(UnitHash.IsStart(unit)));
        var start = old.Classes[0].StartUnits.Single();
        Assert.True(UnitHash.IsStart(start));
        var wanted = old.Clone();
        old.Format = 2;
        foreach (var units in old.Classes.Select(c => c.Units).Concat(old.Behaviours.Select(b => b.Units)).Concat(old.Classes.Select(c => c.StartUnits)))
            for (var i = 0; i < units.Count; i++)
                units[i] ^= i % 2 == 0 || units[i] == start ? 1ul : 0;
        Assert.NotEqual(wanted.Behaviours, old.Behaviours);
        Assert.Equal(wanted, EvidenceFormat.Upgrade(old));
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(4u)]
    public void Another_format_is_refused_and_counted(uint format)
    {
        var model = OfTheVersionBefore();
        model.Evidence.Format = format;
        Assert.Contains($"format {format}", EvidenceMerge.Refuse(EvidenceFormat.Upgrade(model.Evidence)), StringComparison.Ordinal);
        var workload = new WorkloadUnderTest();
        workload.Baseline.Restore(model);
        Assert.Equal((1, 0), (workload.Baseline.Counters.EvidenceRefused, workload.Baseline.Behaviours));
    }
}
