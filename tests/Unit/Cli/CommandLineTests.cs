using RuntimeGuard.Cli;
using RuntimeGuard.Tests.Support;

namespace RuntimeGuard.Tests.Unit.Cli;

public sealed class CommandLineTests : IDisposable
{
    readonly DirectoryInfo _home = Directory.CreateTempSubdirectory("rgctl-");

    public void Dispose() => _home.Delete(recursive: true);

    [Theory]
    [InlineData("", "Required command was not provided", "rgctl --help")]
    [InlineData("alerts", "Required command was not provided", "rgctl alerts --help")]
    [InlineData("nonsense", "nonsense", "rgctl --help")]
    [InlineData("alerts list --state angry", "--state is one of open, acknowledged", "rgctl alerts list --help")]
    [InlineData("alerts list --since soon", "--since: 'soon' is no time", "rgctl alerts list --help")]
    [InlineData("alerts list --limit 1001", "--limit is between 1 and 1000", "rgctl alerts list --help")]
    [InlineData("alerts list -o xml", "--output is table, json or jsonl", "rgctl alerts list --help")]
    [InlineData("alerts show", "alert", "rgctl alerts show --help")]
    [InlineData("workloads lock nginx", "write NAMESPACE/IMAGE", "rgctl workloads lock --help")]
    [InlineData("workloads learn a/b --duration long", "--duration: 'long' is no span", "rgctl workloads learn --help")]
    [InlineData("baseline show a/b --class magic", "--class is one of exec", "rgctl baseline show --help")]
    [InlineData("history query --kind magic", "magic", "rgctl history query --help")]
    public async Task A_wrong_command_line_says_what_is_wrong_and_where_help_is(string arguments, string what, string help)
    {
        var (code, output, error) = await RunAsync(arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(2, code);
        Assert.Empty(output);
        Assert.Contains(what, error);
        Assert.Contains($"see: {help}", error);
    }

    /// <summary>Only a reader that went away is no failure of ours; a full disk is one.</summary>
    [Theory]
    [InlineData("exec 3> >(exec <&- >&-); wait $!", 0, "")]
    [InlineData("exec 3>/dev/full", 1, "No space left on device")]
    public async Task What_cannot_be_written_is_said_unless_nobody_is_left_to_read(string output, int expected, string what)
    {
        var rgctl = Path.Combine(AppContext.BaseDirectory, "rgctl");
        var result = await Command.RunAsync("bash", "-c", $"{output}; exec '{rgctl}' completion bash >&3");
        Assert.Equal(expected, result.ExitCode);
        Assert.Contains(what, result.Error);
        Assert.DoesNotContain("   at ", result.Error);
    }

    [Theory]
    [InlineData("alerts list")]
    [InlineData("alerts watch")]
    [InlineData("alerts show x")]
    [InlineData("workloads list")]
    [InlineData("workloads lock a/b")]
    [InlineData("baseline show a/b")]
    [InlineData("history query --since 15m -o jsonl")]
    [InlineData("nodes list")]
    [InlineData("admin join-token")]
    [InlineData("logout")]
    [InlineData("whoami")]
    public async Task Without_a_login_nothing_is_asked_and_the_remedy_is_said(string arguments)
    {
        var (code, output, error) = await RunAsync(arguments.Split(' '));
        Assert.Equal(3, code);
        Assert.Empty(output);
        Assert.Contains("not logged in", error);
        Assert.Contains("rgctl login", error);
    }

    [Theory]
    [InlineData("--server collector.example:1 --user a --password-stdin", 2, "say which CA")]
    [InlineData("--server a/b --user a", 2, "no collector address")]
    [InlineData("--server a:1 --ca /nonexistent/ca.crt --user a", 2, "cannot read /nonexistent/ca.crt")]
    [InlineData("--server a:1 --ca-fingerprint deadbeef --user a", 2, "sha256: and 64 hex digits")]
    [InlineData("--server a:1 --ca x --ca-fingerprint y", 2, "exclude each other")]
    public async Task A_login_to_an_unknown_server_needs_a_stated_trust(string arguments, int expected, string what)
    {
        var (code, _, error) = await RunAsync(["login", .. arguments.Split(' ')]);
        Assert.Equal(expected, code);
        Assert.Contains(what, error);
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_unreachable()
    {
        var fingerprint = "sha256:" + new string('a', 64);
        var (code, _, error) = await RunAsync(["login", "--server", "127.0.0.1:1", "--ca-fingerprint", fingerprint, "--user", "a", "--password-stdin"]);
        Assert.Equal(5, code);
        Assert.Contains("no collector answers at 127.0.0.1:1", error);
    }

    [Theory]
    [InlineData("bash", "complete -o default -F _rgctl rgctl")]
    [InlineData("zsh", "#compdef rgctl")]
    [InlineData("fish", "complete -c rgctl")]
    public async Task Every_shell_gets_a_completion_script(string shell, string expected)
    {
        var (code, output, _) = await RunAsync(["completion", shell]);
        Assert.Equal(0, code);
        Assert.Contains(expected, output);
    }

    [Fact]
    public async Task Completion_knows_commands_and_values()
    {
        Assert.StartsWith("watch\n", (await RunAsync(["[suggest:14]", "rgctl alerts w"])).Output);
        Assert.Contains("acknowledged\n", (await RunAsync(["[suggest:26]", "rgctl alerts list --state "])).Output);
    }

    async Task<(int Code, string Output, string Error)> RunAsync(string[] arguments)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        var terminal = Terminal.ForText(output, error, name => name == "HOME" ? _home.FullName : null, 120);
        var code = await CommandLine.RunAsync(arguments, terminal);
        return (code, output.ToString(), error.ToString());
    }

    /// <summary>As in `{ rgctl ...; rgctl ...; } > report`: what the first wrote stays.</summary>
    [Fact]
    public async Task Two_in_a_row_write_to_one_file_one_after_the_other()
    {
        var file = Path.GetTempFileName();
        try
        {
            (await Command.RunAsync("/bin/sh", "-c", "{ \"$0\" completion bash; \"$0\" completion zsh; echo end; } >\"$1\"",
                ProductProgram.Find("rgctl"), file)).Succeeded();
            var bash = (await Command.RunAsync(ProductProgram.Find("rgctl"), "completion", "bash")).Succeeded().Out;
            var zsh = (await Command.RunAsync(ProductProgram.Find("rgctl"), "completion", "zsh")).Succeeded().Out;
            Assert.Equal($"{bash}{zsh}end\n", await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken));
        }
        finally
        {
            File.Delete(file);
        }
    }
}
