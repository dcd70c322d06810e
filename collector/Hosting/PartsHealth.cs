using System.Collections.Concurrent;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace RuntimeGuard.Collector.Hosting;

/// <summary>
/// How the parts that nobody calls are doing. A part that fails keeps the process unhealthy until it has worked again:
/// what runs in the background must not die in silence. Thread-safe.
/// </summary>
sealed class PartsHealth(CollectorDiagnostics diagnostics) : IHealthCheck
{
    readonly ConcurrentDictionary<string, string> _failing = [];

    /// <summary>Parts that fail now, each with its reason.</summary>
    public IReadOnlyDictionary<string, string> Failing => _failing;

    public void Failed(string part, Exception cause)
    {
        _failing[part] = cause.Message;
        diagnostics.PartsFailed.WithLabels(part).Inc();
        diagnostics.PartFailed(part, cause.Message, cause);
    }

    public void Works(string part)
    {
        if (_failing.TryRemove(part, out _))
        {
            diagnostics.PartWorksAgain(part);
        }
    }

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(_failing.IsEmpty
            ? HealthCheckResult.Healthy()
            : HealthCheckResult.Unhealthy(string.Join("; ", _failing.Select(pair => $"{pair.Key}: {pair.Value}"))));
}
