using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.State;

/// <summary>One anomaly as it came, linked to its alert. Ids rise in commit order: the cursor of the history store.</summary>
sealed class AnomalyRow
{
    public long Id { get; set; }
    public required string AlertId { get; set; }
    public required string Node { get; set; }
    public long TimeUnixNs { get; set; }
    public long ReceivedUnixNs { get; set; }
    public required byte[] Data { get; set; }
    /// <summary>The behaviour by which it may belong to a fleet's alert; 0: none.</summary>
    public long BehaviourKey { get; set; }
}

/// <summary>A behaviour was seen in an incident: by it is known in how many containers of a workload.</summary>
sealed class BehaviourIncidentRow
{
    public required string Namespace { get; set; }
    public required string Image { get; set; }
    public long BehaviourKey { get; set; }
    public required string AlertId { get; set; }
    public required string ContainerId { get; set; }
}

/// <summary>
/// One incident: all anomalies of one lineage in one container of one workload on one node. Or what is to be said of a
/// workload once: what a fleet of its containers does, a class that drifts; those are of no container, node or lineage.
/// </summary>
sealed class AlertRow
{
    public required string Id { get; set; }
    /// <summary>An AlertKind.</summary>
    public int Kind { get; set; }
    /// <summary>What it is of, within its kind: a fleet's behaviour, a drift's class; 0 for an incident.</summary>
    public long Subject { get; set; }
    /// <summary>The behaviour that all members are novelties of; 0: there is more, or a rule told it.</summary>
    public long OnlyBehaviour { get; set; }
    /// <summary>The fleet's alert that tells it; empty: it stands for itself.</summary>
    public string FoldedInto { get; set; } = "";
    /// <summary>Why the collector made or resolved it, in words; empty for an incident that goes on.</summary>
    public string Reason { get; set; } = "";
    public required string Namespace { get; set; }
    public required string Image { get; set; }
    public required string ContainerId { get; set; }
    public required string ContainerName { get; set; }
    public required string Node { get; set; }
    public int LineagePid { get; set; }
    public long LineageStartUnixNs { get; set; }
    public int State { get; set; }
    /// <summary>Any member came from a critical rule.</summary>
    public bool Critical { get; set; }
    /// <summary>Of the worst member.</summary>
    public double Score { get; set; }
    public long Count { get; set; }
    public long FirstUnixNs { get; set; }
    /// <summary>Of the members, by their node's clock: to show and to order, never to decide what is kept.</summary>
    public long LastUnixNs { get; set; }
    /// <summary>When the first member was received.</summary>
    public long ReceivedUnixNs { get; set; }
    /// <summary>When the latest member was received, by the collector's clock: what retention goes by.</summary>
    public long LastReceivedUnixNs { get; set; }
    /// <summary>Store-wide and rising with every change of any alert: what live watchers page by.</summary>
    public long Revision { get; set; }
    public required byte[] Worst { get; set; }
    public required byte[] Latest { get; set; }
    /// <summary>A Decision message: what a person decided of it last; empty before the first.</summary>
    public byte[] Decision { get; set; } = [];
    /// <summary>Of that decision; empty before the first.</summary>
    public string OverrideId { get; set; } = "";

    /// <summary>An open one of a whole workload, without members yet.</summary>
    public static AlertRow OfWorkload(string id, AlertKind kind, long subject, (string Namespace, string Image) workload, long nowUnixNs) => new()
    {
        Id = id,
        Kind = (int)kind,
        Subject = subject,
        Namespace = workload.Namespace,
        Image = workload.Image,
        ContainerId = "",
        ContainerName = "",
        Node = "",
        State = (int)AlertState.Open,
        FirstUnixNs = nowUnixNs,
        ReceivedUnixNs = nowUnixNs,
        Worst = [],
        Latest = [],
    };
}

/// <summary>A number that only rises, whatever is deleted beside it.</summary>
sealed class CounterRow
{
    public const string AlertRevisions = "alert-revisions";

    public required string Name { get; set; }
    /// <summary>The last one given out, in the transaction that used it.</summary>
    public long Last { get; set; }
}

sealed class CounterRowMapping : IEntityTypeConfiguration<CounterRow>
{
    public void Configure(EntityTypeBuilder<CounterRow> builder) => builder.ToTable("counters").HasKey(row => row.Name);
}

sealed class AnomalyRowMapping : IEntityTypeConfiguration<AnomalyRow>
{
    public void Configure(EntityTypeBuilder<AnomalyRow> builder)
    {
        builder.ToTable("anomalies").HasKey(row => row.Id);
        builder.HasIndex(row => new { row.AlertId, row.Id });
        builder.HasIndex(row => new { row.BehaviourKey, row.Id });
    }
}

sealed class BehaviourIncidentRowMapping : IEntityTypeConfiguration<BehaviourIncidentRow>
{
    public void Configure(EntityTypeBuilder<BehaviourIncidentRow> builder)
    {
        builder.ToTable("behaviour_incidents").HasKey(row => new { row.Namespace, row.Image, row.BehaviourKey, row.AlertId });
        builder.HasIndex(row => row.AlertId);
    }
}

sealed class AlertRowMapping : IEntityTypeConfiguration<AlertRow>
{
    public void Configure(EntityTypeBuilder<AlertRow> builder)
    {
        builder.ToTable("alerts").HasKey(row => row.Id);
        builder.HasIndex(row => row.Revision).IsUnique();
        builder.HasIndex(row => new { row.LastUnixNs, row.Id });
        builder.HasIndex(row => row.LastReceivedUnixNs);
        builder.HasIndex(row => row.OverrideId);
        builder.HasIndex(row => row.FoldedInto);
        builder.HasIndex(row => new { row.Namespace, row.Image });
        // A container first: few alerts have the same. Those of a whole workload are told apart by what they are of.
        builder.HasIndex(row => new
        {
            row.ContainerId,
            row.Node,
            row.LineagePid,
            row.LineageStartUnixNs,
            row.Namespace,
            row.Image,
            row.Kind,
            row.Subject,
        }).IsUnique();
    }
}
