using System.Text;
using CsCheck;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;
using static RuntimeGuard.Tests.Unit.Models.WorkloadUnderTest;

namespace RuntimeGuard.Tests.Unit.Models;

public sealed class BaselinePropertyTests
{
    static readonly string[] Fragments =
    [
        "/", "/etc/", "/proc/1/", "/tmp/", "..", "*", "<n>", "\0", "\n", "\u001b[31m", "\u202e", "a", "sh", "-c", "busybox", "$(",
        "\"", "'", "`", ";", "|", "12345678", "deadbeef01", ".jpg", " -> ", " ", "://", "mem", "shadow", ".ssh/", "_key", "é", "…",
    ];

    static readonly string[] Directories =
    [
        "/srv/uploads", "/srv", "/etc", "/etc/cron.d", "/usr/bin", "/home/app", "/home/app/.ssh", "/root", "/var/spool",
        "/run/secrets", "/tmp",
    ];

    static readonly Gen<byte[]> SomeBytes = Gen.Frequency(
        (4, Gen.OneOf([.. Fragments.Select(Gen.Const)]).Array[0, 8].Select(parts => Encoding.UTF8.GetBytes(string.Concat(parts)))),
        (2, Gen.Byte.Array[0, 64]),
        (1, Gen.Byte.Array[4000, 9000]),
        (1, Gen.Int[1, 5000].Select(n => Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("/a1", n))))));

    static readonly Gen<SomeEvent> Events =
        from kind in Gen.Int[0, 25]
        from flags in Gen.Int[0, 4095]
        from path in SomeBytes
        from path2 in SomeBytes
        from arguments in SomeBytes
        from peer in Gen.Byte.Array[0, 17]
        from numbers in Gen.Select(Gen.UShort, Gen.Byte, Gen.UInt, Gen.Long)
        select new SomeEvent((EventKind)kind, (EventFlags)flags, path, path2, arguments, peer, numbers);

    [Fact]
    public void Observing_anything_never_throws_and_shows_no_control_characters() => Events.Array[1, 60].Sample(events =>
    {
        var workload = new WorkloadUnderTest();
        foreach (var (some, i) in events.Select((e, i) => (e, i)))
        {
            if (i == events.Length / 2)
                workload.Lock(LearningMode.LockedByHand);
            var verdict = some.ObserveBy(workload);
            if (verdict.Kind != VerdictKind.Ignored && verdict.Behaviour != 0)
                Assert.True(workload.Baseline.TryDescribe(verdict.Behaviour, out _, out _, out _));
            Assert.Equal(verdict.Kind == VerdictKind.Anomalous, verdict.Anomaly is not null);
            if (verdict.Anomaly is not { } anomaly)
                continue;
            Assert.DoesNotContain(anomaly.Subject + anomaly.Behaviour + anomaly.Summary, char.IsControl);
            Assert.True(anomaly.Subject.Length <= 2048 && anomaly.Summary.Length <= 4096);
            Assert.True(double.IsFinite(anomaly.Explanation.Score) && anomaly.Explanation.Score >= 0);
        }
        var copy = new WorkloadUnderTest();
        copy.Baseline.Apply(workload.Baseline.Snapshot());
        Assert.Equal(workload.Baseline.Behaviours, copy.Baseline.Behaviours);
        Assert.Equal(0, copy.Baseline.Counters.EvidenceRefused);
    }, iter: 200);

    /// <summary>Long runs of any events, at any time, from many containers: no table above its bound, and evidence that fits.</summary>
    [Fact]
    public void Observing_anything_stays_below_every_cap() => Gen.Select(Events.Array[50, 400], Gen.Int).Sample((events, seed) =>
    {
        var workload = new WorkloadUnderTest();
        var dice = new Random(seed);
        for (var i = 0; i < 6 * events.Length; i++)
        {
            workload.Container = new ContainerFacts(Key, $"c{dice.Next(600)}", $"v{dice.Next(90)}", Start) { SecretMounts = ["/tmp", "relative", ""] };
            workload.Actor = Actor.Entry($"/opt/{Letters(dice.Next(50))}");
            events[i % events.Length].ObserveBy(workload);
            if (dice.Next(200) == 0)
                workload.Baseline.Advance(workload.Now + (dice.Next(400) * Hour));
            if (dice.Next(300) == 0)
                workload.Baseline.Lost(workload.Container, (BehaviourClass)dice.Next(9), workload.Now);
        }
        var (children, judged, containers, bytes) = workload.Baseline.Tables;
        Assert.InRange(workload.Baseline.Behaviours, 0, Baseline.BehaviourLimit);
        Assert.InRange(children, 0, PatternTrie.ChildLimit);
        Assert.InRange(judged, 0, Baseline.JudgedLimit);
        Assert.InRange(containers, 1, Baseline.ContainerLimit);
        Assert.InRange(bytes, 1, Vocabulary.MostBytes + (256 << 10)); // a table has doubled
        var evidence = workload.Baseline.Snapshot().Evidence;
        Assert.Null(EvidenceMerge.Refuse(EvidenceMerge.Merge(evidence, evidence)));
    }, iter: 40);

    /// <summary>
    /// Thousands of names around it, by several actors, in several units, all learned: what is protected is known by its own
    /// name or not at all, and so is what lies below a secret mount.
    /// </summary>
    [Fact]
    public void No_stream_of_names_covers_what_is_protected() => Gen.Select(
        Gen.Select(Gen.Int[0, Directories.Length - 1], Gen.Int[0, 400], Gen.Int[0, 3], Gen.Int[0, 5]).Array[100, 1200], Gen.Int).Sample((seen, seed) =>
        {
            var workload = new WorkloadUnderTest
            {
                Baseline = new Baseline(Key, ModelOptions.Default with { SetMembership = true }),
                Container = new ContainerFacts(Key, "c1", "1", Start) { SecretMounts = ["/srv/uploads/vault", "/home/app/x"] },
            };
            var dice = new Random(seed);
            foreach (var (directory, name, actor, kind) in seen)
            {
                workload.Actor = Actor.Entry($"/bin/a{actor}");
                workload.Now += dice.Next(3) * 20 * 60 * Second;
                var path = $"{Directories[directory]}/{Letters(name)}";
                switch (kind)
                {
                    case 0: workload.Observe(EventKind.Unlink, path); break;
                    case 1: workload.Observe(EventKind.Chmod, path, mode: 0x1A4); break;
                    case 2: workload.Exec("/bin/cat", "cat", path); break;
                    default: workload.Write(path); break;
                }
            }
            workload.Lock(LearningMode.LockedByHand);
            foreach (var probe in (string[])["/etc/never", "/etc/cron.d/never", "/usr/bin/never", "/root/never", "/run/secrets/never", "/home/app/.ssh/never",
                "/srv/uploads/never_key", "/srv/uploads/vault/never", "/home/app/x/never", "/srv/uploads/.bashrc", "/tmp/.bash_history", "/srv/docker.sock"])
                for (var actor = 0; actor <= 3; actor++)
                {
                    workload.Actor = Actor.Entry($"/bin/a{actor}");
                    Assert.NotEqual(VerdictKind.Known, workload.Write(probe).Kind);
                    Assert.NotEqual(VerdictKind.Known, workload.Observe(EventKind.Unlink, probe).Kind);
                    Assert.NotEqual(VerdictKind.Known, workload.Exec("/bin/cat", "cat", probe).Kind);
                }
        }, iter: 40);

    /// <summary>Two models of the same events, one of them locked: a behaviour that is new is no less unusual to the locked one.</summary>
    [Fact]
    public void A_lock_never_raises_e() => Events.Array[2, 60].Sample(events =>
    {
        var (open, locked) = (new WorkloadUnderTest(), new WorkloadUnderTest());
        foreach (var some in events[..^1])
        {
            some.ObserveBy(open);
            some.ObserveBy(locked);
        }
        locked.Lock(LearningMode.LockedByTime);
        // An event may be two behaviours, of which each tells the one that is worse for it.
        if (events[^1].ObserveBy(open).Anomaly is { } one && events[^1].ObserveBy(locked).Anomaly is { } other
            && one.BehaviourKey == other.BehaviourKey)
            Assert.True(other.Explanation.Score <= one.Explanation.Score * 1.000001, $"{one}\n{other}");
        var (statistics, _) = LearningProgress.Statistics(open.Baseline.Snapshot().Evidence);
        foreach (var marks in Marks.All)
            for (var mark = 0; mark < marks.Marks.Length; mark++)
                for (var level = 0; level < LevelKeys.Count; level++)
                    AssertNoLess(statistics, marks.Class, mark, level, new Moment((int)(open.Now % 168), false, false));
    }, iter: 200);

    static void AssertNoLess(ClassStatistics statistics, BehaviourClass behaviourClass, int mark, int level, Moment moment)
    {
        double E(LearningState state) => NoveltyScore.Of(statistics, behaviourClass, mark, level, state, moment).Expected;
        Assert.All((LearningState[])[LearningState.LockedByHand, LearningState.LockedByTime], locked =>
            Assert.All((LearningState[])[LearningState.Learning, LearningState.Operational, LearningState.Frozen, LearningState.Drift], open =>
                Assert.True(E(locked) <= E(open), $"{behaviourClass} mark {mark} level {level}: {locked} {E(locked)}, {open} {E(open)}")));
    }

    [Fact]
    public void A_flood_of_novelties_stays_below_every_cap_and_is_counted()
    {
        var workload = new WorkloadUnderTest();
        workload.Exec("/usr/sbin/nginx", "nginx");
        for (var i = 0; i < 12_000; i++)
            workload.Write($"/srv/{Letters(i)}/{Letters(i * 7)}.{Letters(i % 700)}");
        Assert.True(workload.Baseline.Behaviours <= Baseline.BehaviourLimit);
        var counters = workload.Baseline.Counters;
        Assert.True(counters.BehavioursEvicted + counters.BehavioursRefused > 0);
        workload.Lock(LearningMode.LockedByHand);
        for (var i = 0; i < 6_000; i++)
            workload.Exec($"/opt/{Letters(i)}", Letters(i));
        Assert.True(workload.Baseline.Behaviours <= Baseline.BehaviourLimit);
        Assert.True(workload.Baseline.Counters.JudgedEvicted > 0);
        Assert.True(workload.Baseline.Counters.BehavioursEvicted + workload.Baseline.Counters.BehavioursRefused
            > counters.BehavioursEvicted + counters.BehavioursRefused);
    }

    [Fact]
    public void A_flood_in_a_lock_takes_nothing_that_was_learned()
    {
        var workload = new WorkloadUnderTest();
        for (var i = 0; i < 100; i++)
            workload.Exec($"/usr/bin/{Letters(i)}", Letters(i));
        workload.Lock(LearningMode.LockedByHand);
        for (var i = 0; i < 10_000; i++)
            workload.Exec($"/opt/{Letters(i)}", Letters(i));
        for (var i = 0; i < 100; i++)
            Assert.Equal(VerdictKind.Known, workload.Exec($"/usr/bin/{Letters(i)}", Letters(i)).Kind);
    }

    [Theory]
    [InlineData("/etc/passwd")]
    [InlineData("/etc/shadow")]
    [InlineData("/etc/cron.d/job")]
    [InlineData("/etc/sudoers.d/app")]
    [InlineData("/etc/ld.so.preload")]
    [InlineData("/usr/bin/ls")]
    [InlineData("/usr/sbin/sshd")]
    [InlineData("/var/spool/cron/root")]
    [InlineData("/root/.ssh/authorized_keys")]
    [InlineData("/home/app/.ssh/id_rsa")]
    [InlineData("/srv/uploads/server_key")]
    [InlineData("/run/secrets/token")]
    public void A_protected_path_is_never_covered(string path) =>
        Gen.Select(Gen.OneOf([.. Directories.Select(Gen.Const)]), Gen.Char['a', 'z'].Array[1, 6].Select(c => new string(c)), Gen.ULong[1, 3])
            .Array[0, 200].Sample(seen =>
            {
                var names = new Generaliser();
                foreach (var (directory, name, unit) in seen)
                    GeneraliserTests.Learn(names, BehaviourClass.FileWrite, $"{directory}/{name}", unit);
                Assert.Equal(path, GeneraliserTests.Generalised(names, BehaviourClass.FileWrite, path));
            }, iter: 60);

    [Fact]
    public void A_secret_mount_is_never_covered()
    {
        var workload = new WorkloadUnderTest
        {
            Container = new ContainerFacts(Key, "c1", "1", Start) { SecretMounts = ["/mnt/vault"] },
        };
        for (var i = 0; i < 100; i++)
            workload.Write($"/mnt/vault/{Letters(i)}");
        workload.Lock(LearningMode.LockedByHand);
        Assert.NotEqual(VerdictKind.Known, workload.Write("/mnt/vault/zzzzzz").Kind);
    }

    internal static string Letters(int number)
    {
        var text = new StringBuilder();
        for (var n = (uint)number; text.Length == 0 || n > 0; n /= 26)
            text.Append((char)('a' + (n % 26)));
        return text.ToString();
    }

    sealed record SomeEvent(EventKind Kind, EventFlags Flags, byte[] Path, byte[] Path2, byte[] Arguments, byte[] Peer,
        (ushort Port, byte Protocol, uint Mode, long Time) Numbers)
    {
        public Verdict ObserveBy(WorkloadUnderTest workload) => workload.Baseline.Observe(new ContainerEvent
        {
            TimeNs = Numbers.Mode % 3 == 0 ? Numbers.Time : workload.Now += (long)Numbers.Port * 100 * Second,
            Kind = Kind,
            Flags = Flags,
            Container = workload.Container,
            Actor = workload.Actor,
            Path = Path,
            Path2 = Path2,
            Arguments = Arguments,
            Peer = Peer,
            Port = Numbers.Port,
            Protocol = Numbers.Protocol,
            Mode = Numbers.Mode,
        });
    }
}
