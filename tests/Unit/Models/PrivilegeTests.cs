using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Tests.Unit.Models;

/// <summary>What processes become and reach for, as behaviours.</summary>
public sealed class PrivilegeTests
{
    const ulong SysAdmin = 1 << 21;
    readonly WorkloadUnderTest _web = new();

    string MarkOf(Verdict verdict) =>
        _web.Baseline.Snapshot().Evidence.Behaviours.Single(b => b.Key == verdict.Behaviour).Mark;

    [Fact]
    public void A_server_that_gives_up_root_is_learned_like_anything_else()
    {
        var verdict = _web.Observe(EventKind.Setuid, "", mode: 33);
        Assert.Equal(VerdictKind.Learned, verdict.Kind);
        Assert.Equal("mode-owner", MarkOf(verdict));
        Assert.Equal(VerdictKind.Learned, _web.Observe(EventKind.IoUring, "").Kind);
        Assert.Equal(VerdictKind.Learned, _web.Observe(EventKind.ProcessName, "worker-1").Kind);
        Assert.Equal(VerdictKind.Known, _web.Observe(EventKind.ProcessName, "worker-23").Kind);
        // Dropping capabilities says nothing.
        Assert.Equal(VerdictKind.Ignored, _web.Observe(EventKind.Capset, "").Kind);
    }

    [Theory]
    [InlineData("privilege-gain", EventKind.Setuid, "")]
    [InlineData("privilege-gain", EventKind.Capset, "")]
    [InlineData("privilege-gain", EventKind.Gain, "/usr/bin/su")]
    [InlineData("signal-outside", EventKind.Signal, "postgres")]
    [InlineData("masquerade", EventKind.ProcessName, "kworker/0:1")]
    public void What_was_never_learned_alerts_by_its_rule(string rule, EventKind kind, string path)
    {
        // Its harmless likes excuse nothing.
        _web.Observe(EventKind.Setuid, "", mode: 33);
        _web.Observe(EventKind.ProcessName, "worker");
        _web.Lock(LearningMode.LockedByTime);
        var verdict = _web.Observe(kind, path, gained: kind is EventKind.Setuid or EventKind.Capset or EventKind.Gain ? SysAdmin : 0);
        Assert.Equal(VerdictKind.Anomalous, verdict.Kind);
        Assert.Equal(rule, verdict.Anomaly!.Rule);
        Assert.DoesNotContain("{", verdict.Anomaly.Summary, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_set_of_capabilities_is_another_behaviour()
    {
        var one = _web.Observe(EventKind.Capset, "", gained: 1).Behaviour;
        Assert.NotEqual(one, _web.Observe(EventKind.Capset, "", gained: 2).Behaviour);
    }

    [Fact]
    public void Code_from_outside_the_image_is_a_behaviour_and_the_images_own_is_not()
    {
        Assert.Equal(VerdictKind.Ignored, _web.Observe(EventKind.Library, "/lib/libc.so.6").Kind);
        _web.Flags = EventFlags.NotInImage;
        _web.Lock(LearningMode.LockedByTime);
        Assert.Equal("not-in-image", _web.Observe(EventKind.Library, "/tmp/x.so").Anomaly!.Explanation.Mark);
        _web.Flags = EventFlags.Memfd;
        Assert.Equal("escape-memfd", _web.Observe(EventKind.Library, "/memfd:x").Anomaly!.Explanation.Mark);
    }

    [Fact]
    public void A_block_device_node_alerts_and_other_nodes_are_files()
    {
        Assert.Equal(VerdictKind.Learned, _web.Observe(EventKind.Create, "/srv/fifo", mode: 0x1180).Kind);
        _web.Observe(EventKind.Create, "/srv/disk");
        Assert.Equal("device-node", _web.Observe(EventKind.Create, "/srv/disk", mode: 0x6180).Anomaly!.Rule);
    }

    [Theory]
    [InlineData("security.capability", "suid-or-caps")]
    [InlineData("user.comment", "mode-owner")]
    public void A_file_capability_weighs_as_a_setuid_bit(string attribute, string mark)
    {
        _web.Lock(LearningMode.LockedByHand);
        Assert.Equal(mark, _web.Observe(EventKind.Setxattr, "/srv/tool", attribute).Anomaly!.Explanation.Mark);
    }

    [Fact]
    public void A_log_cut_to_nothing_is_a_removal_too()
    {
        IEnumerable<string> Removals() => _web.Baseline.Snapshot().Evidence.Behaviours
            .Where(b => b.Class == BehaviourClass.Remove).Select(b => b.Mark);
        _web.Observe(EventKind.Truncate, "/var/log/app.log");
        Assert.Empty(Removals());
        _web.Observe(EventKind.Truncate, "/var/log/app.log", mode: 0x200);
        Assert.Equal(["logs-history"], Removals());
    }

    /// <summary>Whoever opened a file was judged; through an inherited descriptor only what is protected counts, and no volume.</summary>
    [Fact]
    public void Of_files_written_through_a_descriptor_only_protected_ones_count()
    {
        Assert.Equal(VerdictKind.Ignored, _web.Observe(EventKind.Written, "/srv/out").Kind);
        Assert.Equal("cron", _web.Observe(EventKind.Written, "/etc/cron.d/job").Anomaly!.Rule);
    }
}
