using Microsoft.EntityFrameworkCore;

namespace RuntimeGuard.Collector.State;

/// <summary>The state store: small, transactional, everything that is not append-only history.</summary>
sealed class StateContext(DbContextOptions<StateContext> options) : DbContext(options)
{
    public DbSet<NodeRow> Nodes => Set<NodeRow>();
    public DbSet<JoinTokenRow> JoinTokens => Set<JoinTokenRow>();
    public DbSet<UserRow> Users => Set<UserRow>();
    public DbSet<BearerTokenRow> BearerTokens => Set<BearerTokenRow>();
    public DbSet<WorkloadRow> Workloads => Set<WorkloadRow>();
    public DbSet<NamespaceOverrideRow> NamespaceOverrides => Set<NamespaceOverrideRow>();
    public DbSet<AnomalyRow> Anomalies => Set<AnomalyRow>();
    public DbSet<AlertRow> Alerts => Set<AlertRow>();
    public DbSet<BehaviourIncidentRow> BehaviourIncidents => Set<BehaviourIncidentRow>();
    public DbSet<CounterRow> Counters => Set<CounterRow>();
    public DbSet<AuditRow> Audit => Set<AuditRow>();
    public DbSet<WatermarkRow> Watermarks => Set<WatermarkRow>();

    protected override void OnModelCreating(ModelBuilder modelBuilder) =>
        modelBuilder.ApplyConfigurationsFromAssembly(typeof(StateContext).Assembly);
}
