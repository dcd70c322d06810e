using System.Text;
using CsCheck;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;
using static RuntimeGuard.Tests.Unit.Models.WorkloadUnderTest;

namespace RuntimeGuard.Tests.Unit.Models;

/// <summary>Names chosen so that something new looks like something known.</summary>
public sealed class EvasionTests
{
    readonly WorkloadUnderTest _web = new();

    /// <summary>
    /// Whoever chooses a path can aim its hash at a known behaviour's key. Here the key is given away: evidence that came
    /// from outside says so of a text that is another.
    /// </summary>
    [Fact]
    public void A_key_is_not_believed_when_the_text_is_another()
    {
        _web.Exec("/usr/bin/convert", "convert");
        var model = _web.Baseline.Snapshot();
        var key = new WorkloadUnderTest();
        key.Exec("/opt/dropped", "dropped");
        var forged = key.Baseline.Snapshot().Evidence.Behaviours.Single();
        var convert = model.Evidence.Behaviours.Single();
        (convert.Key, convert.LevelKeys[0]) = (forged.Key, forged.Key);
        _web.Baseline = new Baseline(Key);
        _web.Baseline.Apply(model);
        _web.Lock(LearningMode.LockedByHand, version: 2);
        var verdict = _web.Exec("/opt/dropped", "dropped");
        Assert.Equal((VerdictKind.Anomalous, 0ul), (verdict.Kind, verdict.Behaviour));
    }

    [Theory]
    [InlineData("/", "/")]
    [InlineData("/a/b", "/a/b")]
    [InlineData("/a//b/", "/a/b")]
    [InlineData("/a/./b/.", "/a/b")]
    [InlineData("/a/../../b", "/b")]
    [InlineData("/../..", "/")]
    [InlineData("/.a/..b/...", "/.a/..b/...")]
    [InlineData("relative/../x", "relative/../x")]
    public void A_normal_path_is_where_it_leads(string path, string expected) =>
        Assert.Equal(expected, Encoding.UTF8.GetString(NormalPath.Write(Encoding.UTF8.GetBytes(path), new byte[NormalPath.Longest])));

    [Fact]
    public void Writing_a_path_normally_never_throws_and_is_done_once() =>
        Gen.OneOf(Gen.Const("/"), Gen.Const("."), Gen.Const(".."), Gen.Const("a"), Gen.Const("é"), Gen.Const(new string('x', 255)))
            .Array[0, 60].Select(string.Concat).Sample(path =>
            {
                var once = NormalPath.Write(Encoding.UTF8.GetBytes(path), new byte[NormalPath.Longest]).ToArray();
                Assert.True(NormalPath.Is(once));
                Assert.Equal(once, NormalPath.Write(once, new byte[NormalPath.Longest]).ToArray());
            });

    /// <summary>What one process does from day to day on the host (a login service reads /etc/shadow) is learned there.</summary>
    [Fact]
    public void A_service_of_the_host_learns_what_no_container_may()
    {
        _web.Container = new ContainerFacts(Key, "c1", "1", Start) { HasImage = false };
        Assert.NotEqual(VerdictKind.Anomalous, _web.Open("/etc/shadow").Kind);
        _web.Lock(LearningMode.LockedByHand);
        _web.Flags = EventFlags.Memfd;
        Assert.Equal("exec-memfd", _web.Exec("/memfd:x", "x").Anomaly!.Rule);
    }
}
