using System.Diagnostics;
using System.Net;
using RuntimeGuard.Agent.Containers;
using RuntimeGuard.Tests.Support;

namespace RuntimeGuard.Benchmarks;

/// <summary>Events per second and bytes per event through the agent's Pipeline, sample to verdict, one thread.</summary>
static class PipelineBenchmark
{
    const int Events = 200_000;
    const int Rounds = 11;

    public static int Run()
    {
        var network = new NetworkFacts([IPAddress.Parse("10.96.0.10")], [], []);
        using var bench = new PipelineBench(lookUp: (name, _) => Task.FromResult(
            LookUpAnswer.Found(PipelineBench.Facts(name.Id, "docker.io/library/web")) with { Network = network }));
        bench.StartContainer();
        var web = new Samples.Who(100, 1000);
        var asked = DnsBytes.Question(7, "api.example.com");
        var question = Samples.Dns(web, [10, 96, 0, 10], 4000, asked, answer: false);
        var answer = Samples.Dns(web, [10, 96, 0, 10], 4000, DnsBytes.Reply(asked, DnsBytes.Answer.Of("api.example.com", "203.0.113.7", 86400)), answer: true);
        bench.Pipeline.Handle(question);
        bench.Pipeline.Handle(answer);
        (string Name, byte[] Sample)[] kinds =
        [
            ("known write", Samples.File(11, web, "/var/lib/web/state", flags: 1 << 13)),
            ("ordinary read", Samples.File(10, web, "/etc/hosts", flags: 1 << 12)),
            ("known connect", Samples.Connect(web, [10, 0, 0, 1], 5432)),
            ("named connect", Samples.Connect(web, [203, 0, 113, 7], 443)),
            ("known question", question),
            ("untaken answer", answer),
            // Each exec is also a record for the history, which is what its bytes are.
            ("known exec", Samples.Exec(new(101, 2000, 100, 1000), "/usr/bin/date", ["date", "+%s"])),
        ];
        bench.Pipeline.Handle(Samples.Fork(new(101, 2000, 100, 1000)));
        Console.WriteLine($"{"pipeline",-16}{"events/s",12}{"ns/event",10}{"bytes/event",13}");
        var allocated = 0L;
        foreach (var (name, sample) in kinds)
        {
            for (var i = 0; i < Events; i++)
                bench.Pipeline.Handle(sample);
            var times = new double[Rounds];
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var round = 0; round < Rounds; round++)
            {
                var started = Stopwatch.GetTimestamp();
                for (var i = 0; i < Events; i++)
                    bench.Pipeline.Handle(sample);
                times[round] = Stopwatch.GetElapsedTime(started).TotalNanoseconds / Events;
            }
            var bytes = GC.GetAllocatedBytesForCurrentThread() - before;
            Array.Sort(times);
            var median = times[Rounds / 2];
            if (name != "known exec")
                allocated += bytes / (Rounds * (long)Events);
            Console.WriteLine($"{name,-16}{1e9 / median,12:N0}{median,10:0}{bytes / (double)(Rounds * Events),13:0.000}");
        }
        return allocated == 0 ? 0 : 1;
    }
}
