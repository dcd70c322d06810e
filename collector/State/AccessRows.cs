using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace RuntimeGuard.Collector.State;

sealed class UserRow
{
    public required string Name { get; set; }
    /// <summary>PBKDF2 with its salt and parameters, as the password hasher writes it.</summary>
    public required string PasswordHash { get; set; }
    public required string Role { get; set; }
    public long CreatedUnixNs { get; set; }
}

/// <summary>A token that a login or `metrics-token create` gave out; the token itself is not kept.</summary>
sealed class BearerTokenRow
{
    /// <summary>SHA-256 of the token, lower-case hex.</summary>
    public required string Hash { get; set; }
    public required string User { get; set; }
    public required string Role { get; set; }
    public long CreatedUnixNs { get; set; }
    public long ExpiresUnixNs { get; set; }
}

/// <summary>Who changed what. Append-only.</summary>
sealed class AuditRow
{
    public long Id { get; set; }
    public long TimeUnixNs { get; set; }
    public required string User { get; set; }
    public required string Action { get; set; }
    /// <summary>"namespace/image" of a workload, a node's name, a user's name ...</summary>
    public required string Subject { get; set; }
    public required string Detail { get; set; }
}

sealed class UserRowMapping : IEntityTypeConfiguration<UserRow>
{
    public void Configure(EntityTypeBuilder<UserRow> builder) => builder.ToTable("users").HasKey(row => row.Name);
}

sealed class BearerTokenRowMapping : IEntityTypeConfiguration<BearerTokenRow>
{
    public void Configure(EntityTypeBuilder<BearerTokenRow> builder)
    {
        builder.ToTable("bearer_tokens").HasKey(row => row.Hash);
        builder.HasIndex(row => row.ExpiresUnixNs);
    }
}

sealed class AuditRowMapping : IEntityTypeConfiguration<AuditRow>
{
    public void Configure(EntityTypeBuilder<AuditRow> builder)
    {
        builder.ToTable("audit").HasKey(row => row.Id);
        builder.HasIndex(row => new { row.Subject, row.Id });
    }
}
