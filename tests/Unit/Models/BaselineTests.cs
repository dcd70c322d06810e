using RuntimeGuard.Models;
using RuntimeGuard.Proto;
using static RuntimeGuard.Tests.Unit.Models.WorkloadUnderTest;

namespace RuntimeGuard.Tests.Unit.Models;

public sealed class BaselineTests
{
    readonly WorkloadUnderTest _nginx = new();

    [Fact]
    public void What_is_seen_while_learning_is_known_from_then_on()
    {
        Assert.Equal(VerdictKind.Learned, _nginx.Exec("/usr/sbin/nginx", "nginx", "-g", "daemon off;").Kind);
        Assert.Equal(VerdictKind.Known, _nginx.Exec("/usr/sbin/nginx", "nginx", "-g", "daemon off;").Kind);
        _nginx.Lock(LearningMode.LockedByHand);
        Assert.Equal(VerdictKind.Known, _nginx.Exec("/usr/sbin/nginx", "nginx", "-g", "daemon off;").Kind);
    }

    [Fact]
    public void A_lock_by_hand_after_minutes_makes_every_new_exec_an_explained_anomaly()
    {
        _nginx.Exec("/usr/sbin/nginx", "nginx", "-g", "daemon off;");
        _nginx.Now += 5 * 60 * Second;
        _nginx.Lock(LearningMode.LockedByHand);
        var verdict = _nginx.Exec("/bin/sh", "sh", "-i");
        Assert.Equal(VerdictKind.Anomalous, verdict.Kind);
        var anomaly = verdict.Anomaly!;
        Assert.Equal("/bin/sh -i", anomaly.Subject);
        Assert.Equal("/usr/sbin/nginx -> /bin/sh -i", anomaly.Behaviour);
        Assert.Equal("nginx started /bin/sh, which this workload has never done", anomaly.Summary);
        Assert.Equal(BehaviourClass.Exec, anomaly.Class);
        Assert.True(anomaly.StrictLock);
        Assert.Equal("", anomaly.Rule);
        Assert.Equal("T1059.004", anomaly.Technique);
        Assert.Equal("shell-interpreter", anomaly.Explanation.Mark);
        Assert.Equal("locked by hand", anomaly.Explanation.State);
        Assert.Equal(3, anomaly.Explanation.NewAtLevel);
        // beta .2 x .05 at level 3, four levels: .04; tail .15+.08+.05+.016+.004; weight .25.
        Assert.Equal(0.04 * 0.30 / 0.25, anomaly.Explanation.Score, 9);
        Assert.Equal(["/usr/sbin/nginx -> /usr/sbin/nginx -g daemon_off;"], anomaly.Explanation.Nearest);
        Assert.NotEmpty(anomaly.Explanation.WouldBecomeKnown);
    }

    [Fact]
    public void The_same_novelty_is_judged_once_per_container_unit()
    {
        _nginx.Lock(LearningMode.LockedByHand);
        Assert.Equal(VerdictKind.Anomalous, _nginx.Exec("/bin/sh", "sh").Kind);
        Assert.Equal(VerdictKind.Pending, _nginx.Exec("/bin/sh", "sh").Kind);
        _nginx.Now += 2 * Hour;
        Assert.Equal(VerdictKind.Anomalous, _nginx.Exec("/bin/sh", "sh").Kind);
    }

    [Fact]
    public void Learning_ends_by_the_model_clock_without_a_word_from_the_collector()
    {
        _nginx.Baseline.Apply(new Model
        {
            Policy = new Policy { Version = 1, Mode = LearningMode.Learning, LearningUntilUnixNs = Start + Hour },
        });
        Assert.Equal(LearningState.Learning, _nginx.Baseline.StateAt(Start + Hour - 1));
        Assert.Equal(LearningState.LockedByTime, _nginx.Baseline.StateAt(Start + Hour));
    }

    [Fact]
    public void A_pending_novelty_of_the_learning_period_alerts_once_the_workload_is_locked_by_hand()
    {
        _nginx.Flags = EventFlags.Injected;
        Assert.Equal(VerdictKind.Pending, _nginx.Exec("/bin/ls", "ls").Kind);
        _nginx.Lock(LearningMode.LockedByHand);
        Assert.Equal(VerdictKind.Anomalous, _nginx.Exec("/bin/ls", "ls").Kind);
    }
}
