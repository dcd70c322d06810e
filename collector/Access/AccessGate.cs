using Grpc.Core;

namespace RuntimeGuard.Collector.Access;

/// <summary>
/// The one door of the people's port, before every gRPC method and HTTP route: denies by default, finds the caller of
/// a bearer token, checks the role the path needs.
/// </summary>
sealed class AccessGate(RequestDelegate next, BearerTokens tokens, CollectorDiagnostics diagnostics)
{
    const string Scheme = "Bearer ";

    public async Task InvokeAsync(HttpContext context)
    {
        // Rules name whole routes; what routing did not match has no rule either.
        var route = (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? "";
        var path = route.StartsWith('/') ? route : "/" + route;
        var listed = AccessRules.TryGetNeeded(path, out var needed);
        if (listed && needed == Role.None)
        {
            await next(context);
            return;
        }
        var header = context.Request.Headers.Authorization.ToString();
        var caller = header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            ? await tokens.FindAsync(header[Scheme.Length..].Trim(), context.RequestAborted)
            : null;
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
            await next(context);
        }
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
