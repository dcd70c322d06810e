using System.Text.Json;
using System.Text.Json.Serialization;

namespace RuntimeGuard.Cli;

/// <summary>Whom rgctl talks to and as whom; what `rgctl login` stored.</summary>
/// <param name="Server">HOST:PORT of the collector's port for people.</param>
/// <param name="Ca">The collector's CA, PEM. Nothing else is trusted for this server.</param>
/// <param name="User">As whom.</param>
/// <param name="Token">Bearer token; empty after logout.</param>
sealed record Login(string Server, string Ca, string User, string Token);

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(Login))]
sealed partial class LoginJson : JsonSerializerContext;

/// <summary>The file a login is kept in: readable by its owner only.</summary>
sealed class LoginFile(string path)
{
    const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    public string Path => path;

    /// <summary>RGCTL_CONFIG, XDG_CONFIG_HOME or ~/.config, whichever is set first, and below it runtimeguard/rgctl.json.</summary>
    public static LoginFile Default(Func<string, string?> environment)
    {
        var folder = NotEmpty(environment("RGCTL_CONFIG")) ?? NotEmpty(environment("XDG_CONFIG_HOME"));
        if (folder is null)
        {
            var home = NotEmpty(environment("HOME"))
                ?? throw new Failure(ExitCode.Usage, "HOME is not set", "set HOME or RGCTL_CONFIG to a folder of yours");
            folder = System.IO.Path.Combine(home, ".config");
        }

        return new LoginFile(System.IO.Path.Combine(folder, "runtimeguard", "rgctl.json"));

        static string? NotEmpty(string? value) => string.IsNullOrEmpty(value) ? null : value;
    }

    /// <summary>The stored login, or null when there is none.</summary>
    /// <exception cref="Failure">The file is damaged, unreadable, or readable by others.</exception>
    public Login? Read()
    {
        try
        {
            if (!File.Exists(path))
            {
                return null;
            }

            if ((File.GetUnixFileMode(path) & ~(OwnerOnly | UnixFileMode.UserExecute)) != 0)
            {
                throw new Failure(ExitCode.Denied, $"{path} holds a token and others may read it", $"run: chmod 600 {path}");
            }

            var login = JsonSerializer.Deserialize(File.ReadAllBytes(path), LoginJson.Default.Login);
            return login is { Server: not null, Ca: not null, User: not null, Token: not null }
                ? login
                : throw new JsonException("a field is missing");
        }
        catch (JsonException error)
        {
            throw new Failure(ExitCode.Error, $"{path} is damaged: {error.Message}", "run: rgctl login");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new Failure(ExitCode.Error, $"cannot read {path}: {error.Message}", "check its owner and mode");
        }
    }

    /// <summary>Replaces the file in one step; it is never there half-written or with a wider mode.</summary>
    public void Write(Login login)
    {
        try
        {
            var folder = System.IO.Path.GetDirectoryName(path)!;
            Directory.CreateDirectory(folder, OwnerOnly | UnixFileMode.UserExecute);
            var draft = $"{path}.{Environment.ProcessId}";
            File.Delete(draft);
            using (var file = new FileStream(draft, new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                UnixCreateMode = OwnerOnly,
            }))
            {
                JsonSerializer.Serialize(file, login, LoginJson.Default.Login);
                file.Flush(flushToDisk: true);
            }

            File.Move(draft, path, overwrite: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new Failure(ExitCode.Error, $"cannot write {path}: {error.Message}", "check its folder, or set RGCTL_CONFIG");
        }
    }
}
