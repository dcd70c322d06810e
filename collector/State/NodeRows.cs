using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace RuntimeGuard.Collector.State;

/// <summary>One enrolled node.</summary>
sealed class NodeRow
{
    public required string Name { get; set; }
    /// <summary>Random per enrolment and part of every certificate of it.</summary>
    public required string Enrolment { get; set; }
    public long EnrolledUnixNs { get; set; }
    public long CertificateExpiresUnixNs { get; set; }
    /// <summary>0: not revoked.</summary>
    public long RevokedUnixNs { get; set; }
    public long LastHeardUnixNs { get; set; }
    /// <summary>The last Hello and Heartbeat, as they came; empty before the first.</summary>
    public byte[] Hello { get; set; } = [];
    public byte[] Heartbeat { get; set; } = [];
}

/// <summary>A secret that enrols nodes; kept until it has expired.</summary>
sealed class JoinTokenRow
{
    public required string Id { get; set; }
    /// <summary>SHA-256 of the 256-bit random secret.</summary>
    public required byte[] SecretHash { get; set; }
    /// <summary>Empty: any name.</summary>
    public required string Node { get; set; }
    public int UsesLeft { get; set; }
    public long CreatedUnixNs { get; set; }
    public long ExpiresUnixNs { get; set; }
    public required string CreatedBy { get; set; }
}

/// <summary>The highest committed sequence number of one lane of one spool.</summary>
sealed class WatermarkRow
{
    public required string Node { get; set; }
    /// <summary>The spool's fixed64 with its bits unchanged.</summary>
    public long SpoolId { get; set; }
    public int Lane { get; set; }
    public long Seq { get; set; }
    public long UpdatedUnixNs { get; set; }
}

sealed class NodeRowMapping : IEntityTypeConfiguration<NodeRow>
{
    public void Configure(EntityTypeBuilder<NodeRow> builder) => builder.ToTable("nodes").HasKey(row => row.Name);
}

sealed class JoinTokenRowMapping : IEntityTypeConfiguration<JoinTokenRow>
{
    public void Configure(EntityTypeBuilder<JoinTokenRow> builder) => builder.ToTable("join_tokens").HasKey(row => row.Id);
}

sealed class WatermarkRowMapping : IEntityTypeConfiguration<WatermarkRow>
{
    public void Configure(EntityTypeBuilder<WatermarkRow> builder) =>
        builder.ToTable("watermarks").HasKey(row => new { row.Node, row.SpoolId, row.Lane });
}
