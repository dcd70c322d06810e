using System.Text.Json;
using RuntimeGuard.Cli;

namespace RuntimeGuard.Tests.Support;

/// <summary>rgctl as a person runs it, logged in at a real collector.</summary>
sealed class RgctlBench : IAsyncDisposable
{
    readonly DirectoryInfo _home = Directory.CreateTempSubdirectory("rgctl-");

    RgctlBench(CollectorFixture collector) => Collector = collector;

    public CollectorFixture Collector { get; }

    public static async Task<RgctlBench> StartAsync()
    {
        var bench = new RgctlBench(await CollectorFixture.StartAsync());
        var login = await bench.RunAsync(bench.Collector.AdminPassword,
            "login", "--server", $"localhost:{bench.Collector.Server.Port}", "--ca", bench.Collector.CaPath, "--user", "admin", "--password-stdin");
        Assert.True(login.Code == 0, login.Error);
        return bench;
    }

    /// <summary>The output of a command that succeeds.</summary>
    public async Task<string> OutputAsync(params string[] arguments)
    {
        var (code, output, error) = await RunAsync("", arguments);
        Assert.True(code == 0, $"{string.Join(' ', arguments)}: {error}");
        return output;
    }

    public async Task<JsonElement> JsonAsync(params string[] arguments) =>
        JsonDocument.Parse(await OutputAsync([.. arguments, "-o", "json"])).RootElement;

    /// <summary>The status and the message of a command that fails.</summary>
    public async Task<(int Code, string Error)> FailureAsync(params string[] arguments)
    {
        var (code, output, error) = await RunAsync("", arguments);
        Assert.NotEqual(0, code);
        Assert.Empty(output);
        return (code, error);
    }

    public string Write(string name, string content)
    {
        var path = Path.Combine(_home.FullName, name);
        File.WriteAllText(path, content);
        return path;
    }

    async Task<(int Code, string Output, string Error)> RunAsync(string input, params string[] arguments)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        var terminal = Terminal.ForText(output, error, name => name == "HOME" ? _home.FullName : null, 400, new StringReader(input));
        var code = await CommandLine.RunAsync(arguments, terminal);
        return (code, output.ToString(), error.ToString());
    }

    public async ValueTask DisposeAsync()
    {
        await Collector.DisposeAsync();
        _home.Delete(recursive: true);
    }
}
