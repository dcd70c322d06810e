using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using RuntimeGuard.Collector.State;

namespace RuntimeGuard.Collector.Hosting;

/// <summary>Healthy means: the state store answers.</summary>
sealed class StateHealth(StateStore state) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(
        HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        await state.ReadAsync(db => db.Users.AnyAsync(cancellationToken), cancellationToken);
        return HealthCheckResult.Healthy();
    }
}
