using Grpc.Core;
using Microsoft.EntityFrameworkCore;
using RuntimeGuard.Collector.State;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.Access;

/// <summary>Login, logout, who am I, and join tokens.</summary>
sealed class AccessService(
    StateStore state, BearerTokens tokens, JoinTokens joinTokens, LoginDesk desk, CollectorOptions options)
    : Proto.Access.AccessBase
{
    public override async Task<LoginResponse> Login(LoginRequest request, ServerCallContext context)
    {
        var address = context.GetHttpContext().Connection.RemoteIpAddress?.ToString() ?? "";
        if (request.User.Length > 128 || request.Password.Length > 1024)
        {
            throw new RpcException(new Status(StatusCode.InvalidArgument, "user or password is too long"));
        }
        await using var turn = await desk.EnterAsync(request.User, address, context.CancellationToken);
        var user = await state.ReadAsync(
            db => db.Users.FirstOrDefaultAsync(row => row.Name == request.User, context.CancellationToken),
            context.CancellationToken);
        if (!Passwords.Verify(request.User, user?.PasswordHash, request.Password) || user is null)
        {
            turn.Failed();
            throw new RpcException(new Status(StatusCode.Unauthenticated, "wrong user or password"));
        }
        turn.Succeeded();
        var role = Roles.Parse(user.Role);
        var (token, expires) = await tokens.IssueAsync(user.Name, role, BearerTokens.LoginLifetime, context.CancellationToken);
        return new LoginResponse { Token = token, ExpiresUnixNs = expires, Role = role.Name() };
    }

    public override Task<WhoAmIResponse> WhoAmI(WhoAmIRequest request, ServerCallContext context)
    {
        var caller = Caller.Of(context.GetHttpContext());
        return Task.FromResult(new WhoAmIResponse
        {
            User = caller.User,
            Role = caller.Role.Name(),
            ExpiresUnixNs = caller.ExpiresUnixNs,
            Version = ProductVersion.Text,
            TimeScale = options.TimeScale,
        });
    }

    public override async Task<LogoutResponse> Logout(LogoutRequest request, ServerCallContext context)
    {
        await tokens.ForgetAsync(Caller.Of(context.GetHttpContext()), context.CancellationToken);
        return new LogoutResponse();
    }

    public override async Task<CreateJoinTokenResponse> CreateJoinToken(CreateJoinTokenRequest request, ServerCallContext context)
    {
        try
        {
            // Seconds beyond the bound are refused below; the clamp keeps TimeSpan from overflowing first.
            var lifetime = request.LifetimeSeconds == 0
                ? JoinTokens.DefaultLifetime
                : TimeSpan.FromSeconds(Math.Clamp(request.LifetimeSeconds, -1, 1L << 32));
            var (token, expires) = await joinTokens.CreateAsync(request.Node, lifetime,
                request.Uses == 0 ? 1 : request.Uses, Caller.Of(context.GetHttpContext()).User, context.CancellationToken);
            return new CreateJoinTokenResponse { Token = token, ExpiresUnixNs = expires };
        }
        catch (ArgumentException e)
        {
            throw new RpcException(new Status(StatusCode.InvalidArgument, e.Message));
        }
    }
}
