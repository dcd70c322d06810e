using Grpc.Core;

namespace RuntimeGuard.Collector.Access;

/// <summary>Admits login attempts: limited per user and address, and two slow password checks at a time. Thread-safe.</summary>
sealed class LoginDesk(LoginLimiter limiter, CollectorDiagnostics diagnostics) : IDisposable
{
    readonly SemaphoreSlim _checks = new(2, 2);

    public async Task<Turn> EnterAsync(string user, string address, CancellationToken cancellation)
    {
        string[] keys = [$"user {user}", $"address {address}"];
        var wait = limiter.TryTake(keys);
        if (wait > TimeSpan.Zero)
        {
            diagnostics.Logins.WithLabels("limited").Inc();
            throw new RpcException(new Status(StatusCode.ResourceExhausted,
                $"too many failed logins; try again in {Math.Ceiling(wait.TotalSeconds):0} s"));
        }
        await _checks.WaitAsync(cancellation);
        return new Turn(this, keys);
    }

    public void Dispose() => _checks.Dispose();

    public sealed class Turn(LoginDesk desk, string[] keys) : IAsyncDisposable
    {
        public void Succeeded()
        {
            desk.Report("ok");
            desk.Forgive(keys);
        }

        public void Failed() => desk.Report("failed");

        public ValueTask DisposeAsync()
        {
            desk._checks.Release();
            return ValueTask.CompletedTask;
        }
    }

    void Report(string result) => diagnostics.Logins.WithLabels(result).Inc();

    void Forgive(string[] keys) => limiter.Succeeded(keys);
}
