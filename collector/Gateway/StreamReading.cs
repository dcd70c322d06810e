using Grpc.Core;

namespace RuntimeGuard.Collector.Gateway;

/// <summary>Reading of a request stream that can stop without taking the call with it.</summary>
static class StreamReading
{
    /// <summary>
    /// True when the next message is there, false at the end. Cancelled, it leaves the call alone: a token given to
    /// MoveNext itself would abort the request, and the caller would see that instead of the status it ends with.
    /// Nothing may be read after it was cancelled.
    /// </summary>
    public static async Task<bool> NextAsync<T>(this IAsyncStreamReader<T> reader, CancellationToken cancellation)
    {
        var next = reader.MoveNext(CancellationToken.None);
        try
        {
            return await next.WaitAsync(cancellation);
        }
        catch (OperationCanceledException) when (!next.IsCompleted)
        {
            // It ends with the call, which tells why; how the read ends says nothing more.
            _ = next.ContinueWith(static ended => ended.Exception, CancellationToken.None,
                TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
            throw;
        }
    }
}
