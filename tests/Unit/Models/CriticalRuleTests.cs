using RuntimeGuard.Models;
using RuntimeGuard.Proto;
using static RuntimeGuard.Tests.Unit.Models.WorkloadUnderTest;

namespace RuntimeGuard.Tests.Unit.Models;

public sealed class CriticalRuleTests
{
    readonly WorkloadUnderTest _web = new();

    [Theory]
    [InlineData("reverse-shell", EventKind.Exec, "/bin/bash", "", EventFlags.StdioSocket)]
    [InlineData("reverse-shell", EventKind.Exec, "/usr/bin/python3.11", "", EventFlags.StdioSocket)]
    [InlineData("exec-memfd", EventKind.Exec, "/memfd:x", "", EventFlags.Memfd)]
    [InlineData("exec-deleted", EventKind.Exec, "/tmp/x", "", EventFlags.Deleted)]
    [InlineData("exec-not-in-image", EventKind.Exec, "/tmp/x", "", EventFlags.NotInImage)]
    [InlineData("ptrace", EventKind.Ptrace, "", "", EventFlags.OtherProcess)]
    [InlineData("process-vm-writev", EventKind.ProcessVmWritev, "", "", EventFlags.OtherProcess)]
    [InlineData("proc-mem-write", EventKind.Write, "/proc/7/mem", "", EventFlags.OtherProcess)]
    [InlineData("credential-read", EventKind.Open, "/etc/shadow", "", EventFlags.None)]
    [InlineData("credential-read", EventKind.Open, "/etc/shadow", "", EventFlags.Failed)]
    [InlineData("credential-read", EventKind.Open, "/root/.ssh/id_rsa", "", EventFlags.None)]
    [InlineData("credential-read", EventKind.Open, "/home/app/.aws/credentials", "", EventFlags.None)]
    [InlineData("credential-read", EventKind.Open, "/root/.kube/config", "", EventFlags.None)]
    [InlineData("credential-read", EventKind.Open, "/var/run/secrets/kubernetes.io/serviceaccount/token", "", EventFlags.None)]
    [InlineData("credential-read", EventKind.Open, "/run/secrets/db", "", EventFlags.None)]
    [InlineData("credential-read", EventKind.Open, "/mnt/vault/password", "", EventFlags.None)]
    [InlineData("mount", EventKind.Mount, "/mnt", "", EventFlags.None)]
    [InlineData("setns", EventKind.Setns, "", "", EventFlags.None)]
    [InlineData("unshare", EventKind.Unshare, "", "", EventFlags.None)]
    [InlineData("kernel-module", EventKind.Module, "rootkit", "", EventFlags.None)]
    [InlineData("bpf", EventKind.Bpf, "", "", EventFlags.None)]
    [InlineData("raw-device", EventKind.Open, "/dev/sda1", "", EventFlags.None)]
    [InlineData("raw-device", EventKind.Write, "/dev/nvme0n1", "", EventFlags.None)]
    [InlineData("release-agent", EventKind.Write, "/tmp/cgrp/release_agent", "", EventFlags.None)]
    [InlineData("kernel-handler", EventKind.Write, "/proc/sys/kernel/core_pattern", "", EventFlags.None)]
    [InlineData("runtime-socket", EventKind.Connect, "/run/containerd/containerd.sock", "", EventFlags.None)]
    [InlineData("runtime-socket", EventKind.Connect, "/var/run/docker.sock", "", EventFlags.Failed)]
    [InlineData("ld-preload", EventKind.Create, "/etc/ld.so.preload", "", EventFlags.None)]
    [InlineData("cron", EventKind.Create, "/etc/cron.d/job", "", EventFlags.None)]
    [InlineData("cron", EventKind.Rename, "/tmp/x", "/var/spool/cron/crontabs/root", EventFlags.None)]
    [InlineData("cron", EventKind.Symlink, "/tmp/x", "/etc/cron.hourly/x", EventFlags.None)]
    [InlineData("authorized-keys", EventKind.Write, "/root/.ssh/authorized_keys", "", EventFlags.None)]
    [InlineData("credential-read", EventKind.Write, "/etc/shadow", "", EventFlags.Reads)]
    [InlineData("credential-read", EventKind.Write, "/root/.ssh/id_rsa", "", EventFlags.Reads)]
    [InlineData("ld-preload", EventKind.Rename, "/tmp/x", "/etc/./ld.so.preload", EventFlags.Unverified)]
    [InlineData("cron", EventKind.Rename, "/tmp/x", "/tmp/../etc//cron.d/x", EventFlags.Unverified)]
    [InlineData("cron", EventKind.Link, "/tmp/x", "/srv/app/../../etc/cron.d/x", EventFlags.Unverified)]
    public void Critical_rules_alert_in_every_state_and_are_never_learned(string rule, EventKind kind, string path, string path2,
        EventFlags flags)
    {
        _web.Flags = flags;
        _web.Container = new ContainerFacts(Key, "c1", "1", Start) { SecretMounts = ["/mnt/vault"] };
        for (var day = 0; day < 4; day++)
        {
            if (day == 3)
                _web.Lock(LearningMode.LockedByTime);
            var verdict = _web.Observe(kind, path, path2, mode: 0x0002_0000);
            Assert.Equal(VerdictKind.Anomalous, verdict.Kind);
            Assert.Equal(rule, verdict.Anomaly!.Rule);
            Assert.StartsWith("T1", verdict.Anomaly.Technique, StringComparison.Ordinal);
            Assert.StartsWith("nginx ", verdict.Anomaly.Summary, StringComparison.Ordinal);
            Assert.DoesNotContain("{", verdict.Anomaly.Summary, StringComparison.Ordinal);
            Assert.True(double.IsFinite(verdict.Anomaly.Explanation.Score));
            Assert.Equal(VerdictKind.Pending, _web.Observe(kind, path, path2, mode: 0x0002_0000).Kind);
            _web.Now += Day;
        }
    }

    [Theory]
    [InlineData(EventKind.Open, "/etc/passwd", EventFlags.None)]
    [InlineData(EventKind.Open, "/usr/share/nginx/html/index.html", EventFlags.None)]
    [InlineData(EventKind.Open, "/home/app/.aws/credentials", EventFlags.Failed)]
    [InlineData(EventKind.Open, "/root/.ssh/id_rsa.pub", EventFlags.None)]
    [InlineData(EventKind.Open, "/.dockerenv", EventFlags.None)]
    [InlineData(EventKind.Open, "/proc/self/environ", EventFlags.None)]
    [InlineData(EventKind.Write, "/dev/null", EventFlags.None)]
    [InlineData(EventKind.Unshare, "", EventFlags.None)]
    [InlineData(EventKind.Exec, "/bin/nothing", EventFlags.Failed)]
    public void Ordinary_things_make_no_behaviour(EventKind kind, string path, EventFlags flags)
    {
        _web.Flags = flags;
        Assert.Equal(VerdictKind.Ignored, _web.Observe(kind, path).Kind);
    }

    [Fact]
    public void The_entry_actor_may_read_its_credentials()
    {
        _web.Flags = EventFlags.EntryActor;
        Assert.Equal(VerdictKind.Pending, _web.Open("/etc/nginx/tls/server.key").Kind);
        _web.Lock(LearningMode.LockedByHand);
        Assert.Equal(VerdictKind.Pending, _web.Open("/etc/nginx/tls/server.key").Kind);
        _web.Flags = EventFlags.None;
        Assert.Equal("credential-read", _web.Open("/etc/nginx/tls/server.key").Anomaly!.Rule);
    }

    [Fact]
    public void A_shell_of_a_server_alerts_unless_it_was_done_while_learning()
    {
        _web.Flags = EventFlags.ActorServes;
        Assert.Equal(VerdictKind.Learned, _web.Exec("/bin/bash", "bash", "/app/report.sh").Kind);
        _web.Lock(LearningMode.LockedByTime);
        Assert.Equal(VerdictKind.Known, _web.Exec("/bin/bash", "bash", "/app/report.sh").Kind);
        Assert.Equal("", _web.Exec("/bin/bash", "bash", "-c", "ls").Anomaly?.Rule ?? "");
        var verdict = _web.Exec("/bin/sh", "sh", "-c", "id");
        Assert.Equal("shell-from-server", verdict.Anomaly!.Rule);
        Assert.Equal("nginx serves network clients and started /bin/sh, which it never did while learning", verdict.Anomaly.Summary);
    }

    [Fact]
    public void A_multi_call_file_is_the_command_it_was_called_by()
    {
        _web.Exec("/bin/busybox", "ls", "/srv");
        _web.Lock(LearningMode.LockedByHand);
        Assert.Equal("net-tool", _web.Exec("/bin/busybox", "wget", "http://x/").Anomaly!.Explanation.Mark);
        Assert.Equal("net-tool", _web.Exec("/bin/busybox", "busybox", "nc", "-l").Anomaly!.Explanation.Mark);
        Assert.Equal(VerdictKind.Known, _web.Exec("/bin/busybox", "ls", "/srv").Kind);
        _web.Flags = EventFlags.StdioSocket;
        Assert.Equal("reverse-shell", _web.Exec("/bin/busybox", "sh", "-i").Anomaly!.Rule);
    }

    [Fact]
    public void Every_rule_has_an_id_a_technique_and_a_sentence() => Assert.All(CriticalRules.All, rule =>
    {
        Assert.Matches("^[a-z-]+$", rule.Id);
        Assert.Matches(@"^T\d{4}(\.\d{3})?$", rule.Technique);
        Assert.StartsWith("{actor} ", rule.Sentence, StringComparison.Ordinal);
    });
}
