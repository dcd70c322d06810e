using RuntimeGuard.Agent.Containers;
using RuntimeGuard.Agent.Names;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Agent;

/// <summary>What the Pipeline keeps per container: its facts for the model, its baseline, and whether its entrypoint ran.</summary>
sealed class WatchedContainer
{
    /// <summary>Where runtimes mount secrets by default; read from there is a credential read.</summary>
    static readonly string[] SecretMounts = ["/var/run/secrets/kubernetes.io/serviceaccount", "/run/secrets"];

    /// <summary>Anomalies of one container reported in one second; more are counted and become a gap.</summary>
    public const int AnomaliesPerSecond = 256;

    ulong _second;
    int _inSecond;
    ProcessNode<Actor>? _unknown;

    public required ContainerEntry Entry { get; init; }

    public required ContainerFacts Facts { get; init; }

    public required Baseline Baseline { get; init; }

    /// <summary>What its peers are called.</summary>
    public required ContainerNames Names { get; init; }

    /// <summary>Stands for a process of this container that nobody knows; one for all of them, in no tree.</summary>
    public ProcessNode<Actor> UnknownProcess(Actor actor) => _unknown ??= new() { Actor = actor, Container = Entry };

    /// <summary>The first exec inside the container was its entrypoint; a later one from outside is injected.</summary>
    public bool EntrySeen { get; set; }

    /// <summary>It no longer counts as running its workload.</summary>
    public bool Left { get; set; }

    /// <summary>Takes one of this second's anomalies.</summary>
    public bool MayReport(ulong bootNs)
    {
        var second = bootNs / 1_000_000_000;
        if (second != _second)
            (_second, _inSecond) = (second, 0);
        return _inSecond++ < AnomaliesPerSecond;
    }

    public static WatchedContainer Of(ContainerEntry entry, ModelExchange models, ContainerNames names, bool wasThereBefore)
    {
        var facts = entry.Facts;
        var workload = new WorkloadKey(facts.Workload.Namespace, facts.Workload.Image);
        return new WatchedContainer
        {
            Entry = entry,
            Baseline = models.BaselineOf(workload),
            Names = names,
            Facts = new ContainerFacts(workload, facts.Id, Version(facts), models.Clock.FromUnix(facts.StartedUnixNs))
            {
                RunsToCompletion = facts.RunsToCompletion,
                SeenFromBirth = !wasThereBefore,
                HasImage = entry.IsContainer,
                SecretMounts = SecretMounts,
            },
        };
    }

    /// <summary>The same container with its times on another clock.</summary>
    public WatchedContainer OnClock(ModelClock clock) => new()
    {
        Entry = Entry,
        Baseline = Baseline,
        Names = Names,
        EntrySeen = EntrySeen,
        Left = Left,
        Facts = Facts with { StartedNs = clock.FromUnix(Entry.Facts.StartedUnixNs) },
    };

    static string Version(Container facts) => facts.Digest.Length > 0 ? $"{facts.Tag}@{facts.Digest}" : facts.Tag;
}
