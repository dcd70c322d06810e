namespace RuntimeGuard.Collector.Access;

/// <summary>Who makes a call on the people's port, as <see cref="AccessGate"/> found out.</summary>
sealed record Caller(string User, Role Role, long ExpiresUnixNs, string TokenHash)
{
    /// <summary>The caller of this request; the gate has let it through, so there is one.</summary>
    public static Caller Of(HttpContext context) =>
        context.Features.Get<Caller>() ?? throw new InvalidOperationException("a call passed the access gate without a caller");
}
