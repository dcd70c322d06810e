using RuntimeGuard.Cli;

namespace RuntimeGuard.Tests.Unit.Cli;

public sealed class LoginFileTests : IDisposable
{
    readonly DirectoryInfo _home = Directory.CreateTempSubdirectory("rgctl-");

    public void Dispose() => _home.Delete(recursive: true);

    LoginFile Stored => new(Path.Combine(_home.FullName, "runtimeguard", "rgctl.json"));

    [Fact]
    public void A_login_is_kept_where_only_its_owner_reads_it()
    {
        var login = new Login("c:7444", "pem", "admin", "token");
        Stored.Write(login);
        Stored.Write(login with { Token = "second" });

        Assert.Equal(login with { Token = "second" }, Stored.Read());
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Stored.Path));
        Assert.Single(Directory.GetFiles(Path.GetDirectoryName(Stored.Path)!));
    }

    [Fact]
    public void A_file_that_others_may_read_is_refused()
    {
        Stored.Write(new Login("c:7444", "pem", "admin", "token"));
        File.SetUnixFileMode(Stored.Path, UnixFileMode.UserRead | UnixFileMode.OtherRead);
        var failure = Assert.Throws<Failure>(() => Stored.Read());
        Assert.Equal(ExitCode.Denied, failure.Code);
        Assert.Contains("chmod 600", failure.Remedy);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("{\"server\":\"c:1\"}")]
    public void A_damaged_file_says_so(string text)
    {
        Stored.Write(new Login("c:7444", "pem", "admin", "token"));
        File.WriteAllText(Stored.Path, text);
        Assert.Contains("damaged", Assert.Throws<Failure>(() => Stored.Read()).Message);
    }

    [Fact]
    public void No_file_is_no_login() => Assert.Null(Stored.Read());

    [Theory]
    [InlineData("RGCTL_CONFIG=/a XDG_CONFIG_HOME=/b HOME=/c", "/a/runtimeguard/rgctl.json")]
    [InlineData("XDG_CONFIG_HOME=/b HOME=/c", "/b/runtimeguard/rgctl.json")]
    [InlineData("RGCTL_CONFIG= HOME=/c", "/c/.config/runtimeguard/rgctl.json")]
    public void The_file_is_where_the_environment_says(string environment, string expected)
    {
        var values = environment.Split(' ').Select(pair => pair.Split('=')).ToDictionary(pair => pair[0], pair => pair[1]);
        Assert.Equal(expected, LoginFile.Default(values.GetValueOrDefault).Path);
    }

    [Theory]
    [InlineData("collector.example", "collector.example:7444")]
    [InlineData("collector.example:8000", "collector.example:8000")]
    [InlineData("10.0.0.1:443", "10.0.0.1:443")]
    [InlineData("[::1]:7444", "[::1]:7444")]
    [InlineData("[::1]", "[::1]:7444")]
    public void An_address_has_a_port(string text, string expected) => Assert.Equal(expected, CollectorAddress.Canonical(text));

    [Theory]
    [InlineData("")]
    [InlineData("https://x")]
    [InlineData("a b")]
    [InlineData("user@host")]
    [InlineData("host:99999")]
    [InlineData("host/path")]
    public void Other_addresses_are_refused(string text) =>
        Assert.Equal(ExitCode.Usage, Assert.Throws<Failure>(() => CollectorAddress.Canonical(text)).Code);
}
