using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace RuntimeGuard.Collector.State;

/// <summary>One workload: the policy people decided and the merge of every node's evidence.</summary>
sealed class WorkloadRow
{
    public required string Namespace { get; set; }
    public required string Image { get; set; }
    /// <summary>A Policy message.</summary>
    public required byte[] Policy { get; set; }
    /// <summary>An Evidence message of the policy's generation; empty before the first.</summary>
    public byte[] Evidence { get; set; } = [];
    /// <summary>A person has changed the policy at least once: such a workload is never evicted.</summary>
    public bool ChangedByPerson { get; set; }
    public long FirstSeenUnixNs { get; set; }
    public long LastSeenUnixNs { get; set; }
    /// <summary>"tag@digest" of every version seen, newest last, one per line.</summary>
    public string Versions { get; set; } = "";
}

/// <summary>What a person said for all workloads of a namespace, those to come too. Each policy holds a copy of it.</summary>
sealed class NamespaceOverrideRow
{
    public required string Id { get; set; }
    public required string Namespace { get; set; }
    public long ExpiresUnixNs { get; set; }
    /// <summary>An Override message.</summary>
    public required byte[] Data { get; set; }
}

sealed class NamespaceOverrideRowMapping : IEntityTypeConfiguration<NamespaceOverrideRow>
{
    public void Configure(EntityTypeBuilder<NamespaceOverrideRow> builder)
    {
        builder.ToTable("namespace_overrides").HasKey(row => row.Id);
        builder.HasIndex(row => row.Namespace);
    }
}

sealed class WorkloadRowMapping : IEntityTypeConfiguration<WorkloadRow>
{
    public void Configure(EntityTypeBuilder<WorkloadRow> builder) =>
        builder.ToTable("workloads").HasKey(row => new { row.Namespace, row.Image });
}
