using System.Net.Sockets;
using System.Security.Authentication;
using Grpc.Core;

namespace RuntimeGuard.Cli;

/// <summary>Turns what a call to the collector ended with into what a person can act on.</summary>
static class RpcFailure
{
    public static Failure From(RpcException error, string server) => error.StatusCode switch
    {
        _ when FindInner<AuthenticationException>(error) is not null =>
            new Failure(ExitCode.Unreachable, $"{server} does not show a certificate of the trusted CA for that name",
                "check --server; if the collector has a new CA, log in again with its --ca or --ca-fingerprint"),
        StatusCode.Unauthenticated =>
            new Failure(ExitCode.Denied, Reason(error, "not logged in, or the session has ended"), "run: rgctl login"),
        StatusCode.PermissionDenied =>
            new Failure(ExitCode.Denied, $"denied: {Reason(error, "your role does not allow this")}",
                "see your role with: rgctl whoami"),
        StatusCode.NotFound => new Failure(ExitCode.NotFound, Reason(error, "not found")),
        StatusCode.InvalidArgument or StatusCode.OutOfRange =>
            new Failure(ExitCode.Usage, Reason(error, "the collector did not accept the request")),
        StatusCode.FailedPrecondition or StatusCode.AlreadyExists or StatusCode.Aborted or StatusCode.ResourceExhausted =>
            new Failure(ExitCode.Error, Reason(error, "the collector refused")),
        StatusCode.Unimplemented =>
            new Failure(ExitCode.Error, $"the collector at {server} does not know this request",
                "rgctl and collector differ in version; install both from one release"),
        StatusCode.Unavailable => Unreachable(error, server),
        StatusCode.DeadlineExceeded =>
            new Failure(ExitCode.Unreachable, $"the collector at {server} did not answer in time",
                "try again, or ask for less with --since and --limit"),
        _ => new Failure(ExitCode.Error, $"the collector failed: {Reason(error, error.StatusCode.ToString())}",
            "its log says more"),
    };

    /// <summary>True when trying again later can help: the collector is away, not unwilling.</summary>
    public static bool IsTransient(RpcException error) =>
        error.StatusCode is StatusCode.Unavailable or StatusCode.DeadlineExceeded or StatusCode.Internal
            or StatusCode.Unknown or StatusCode.Aborted or StatusCode.Cancelled
        && FindInner<AuthenticationException>(error) is null;

    static Failure Unreachable(RpcException error, string server)
    {
        var socket = FindInner<SocketException>(error);
        var why = socket is null ? "" : $" ({socket.SocketErrorCode})";
        return new Failure(ExitCode.Unreachable, $"no collector answers at {server}{why}",
            "check that it runs (sudo ./install.sh status) and that --server is right");
    }

    static T? FindInner<T>(RpcException error)
        where T : Exception
    {
        for (var inner = error.Status.DebugException; inner is not null; inner = inner.InnerException)
        {
            if (inner is T found)
            {
                return found;
            }
        }

        return null;
    }

    static string Reason(RpcException error, string otherwise) =>
        string.IsNullOrWhiteSpace(error.Status.Detail) ? otherwise : error.Status.Detail;
}
