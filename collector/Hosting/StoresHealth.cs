using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using RuntimeGuard.Collector.History;
using RuntimeGuard.Collector.State;

namespace RuntimeGuard.Collector.Hosting;

/// <summary>Healthy means: the state store answers, and history committed what it was given last.</summary>
sealed class StoresHealth(StateStore state, IHistoryStore history) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(
        HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        await state.ReadAsync(db => db.Users.AnyAsync(cancellationToken), cancellationToken);
        return history.Health.Failure is { } failure
            ? HealthCheckResult.Unhealthy($"history cannot commit: {failure}")
            : HealthCheckResult.Healthy();
    }
}
