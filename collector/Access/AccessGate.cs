using Grpc.Core;

namespace RuntimeGuard.Collector.Access;

/// <summary>
/// The one door of the people's port, before every gRPC method and HTTP route: denies by default, finds the caller of
/// a bearer token, checks the role the path needs, and ends calls that outlast their token.
/// </summary>
sealed class AccessGate(RequestDelegate next, BearerTokens tokens, CollectorDiagnostics diagnostics, TimeProvider time)
{
    const string Scheme = "Bearer ";
    static readonly TimeSpan LongestOpen = TimeSpan.FromHours(1);

    public async Task InvokeAsync(HttpContext context)
    {
        // Rules name whole routes; what routing did not match has no rule either.
        var route = (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? "";
        var path = route.StartsWith('/') ? route : "/" + route;
        var listed = AccessRules.TryGetNeeded(path, out var needed);
        var header = context.Request.Headers.Authorization.ToString();
        var token = header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) ? header[Scheme.Length..].Trim() : "";
        if (listed && needed == Role.None)
        {
            await OpenAsync(context, token);
            return;
        }
        var caller = await tokens.FindAsync(token, context.RequestAborted);
        if (caller is null)
        {
            diagnostics.CallsDenied.WithLabels("unauthenticated").Inc();
            Refuse(context, StatusCode.Unauthenticated,
                "no valid token: log in (rgctl login) and send it as 'authorization: Bearer TOKEN'");
        }
        else if (!listed || caller.Role < needed)
        {
            diagnostics.CallsDenied.WithLabels("role").Inc();
            Refuse(context, StatusCode.PermissionDenied, listed
                ? $"this needs the role {needed.Name()}; {caller.User} has {caller.Role.Name()}"
                : "there is no such method");
        }
        else
        {
            context.Features.Set(caller);
            await GuardedAsync(context, async cancellation => await tokens.FindAsync(token, cancellation) is not null);
        }
    }

    /// <summary>
    /// Health is open, and its Watch lasts: with a token it ends with that, without one after an hour, so that nobody
    /// unknown holds it for ever. Who wants to watch on asks again.
    /// </summary>
    async Task OpenAsync(HttpContext context, string token)
    {
        if (token.Length > 0 && await tokens.FindAsync(token, context.RequestAborted) is not null)
        {
            await GuardedAsync(context, async cancellation => await tokens.FindAsync(token, cancellation) is not null);
            return;
        }
        var began = time.GetTimestamp();
        await GuardedAsync(context, _ => Task.FromResult(time.GetElapsedTime(began) < LongestOpen));
    }

    async Task GuardedAsync(HttpContext context, Func<CancellationToken, Task<bool>> valid)
    {
        await using var guard = new CallGuard(valid, context.Abort, diagnostics, time);
        context.Features.Set(guard);
        await next(context);
    }

    static void Refuse(HttpContext context, StatusCode status, string message)
    {
        if (context.Request.ContentType?.StartsWith("application/grpc", StringComparison.Ordinal) == true)
        {
            context.Response.ContentType = "application/grpc";
            context.Response.Headers["grpc-status"] = ((int)status).ToString(System.Globalization.CultureInfo.InvariantCulture);
            context.Response.Headers["grpc-message"] = Uri.EscapeDataString(message);
            return;
        }
        context.Response.StatusCode =
            status == StatusCode.Unauthenticated ? StatusCodes.Status401Unauthorized : StatusCodes.Status403Forbidden;
        if (status == StatusCode.Unauthenticated)
        {
            context.Response.Headers.WWWAuthenticate = "Bearer";
        }
    }
}
