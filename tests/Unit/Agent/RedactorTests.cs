using System.Text;
using CsCheck;
using RuntimeGuard.Agent;

namespace RuntimeGuard.Tests.Unit.Agent;

public class RedactorTests
{
    static string[] Redact(Redactor redactor, params string[] arguments)
    {
        var block = Encoding.UTF8.GetBytes(string.Concat(arguments.Select(a => a + "\0")));
        var text = Encoding.UTF8.GetString(redactor.Redact(block));
        return text.Split('\0')[..^1];
    }

    [Theory]
    [InlineData("app --password=hunter2", "app --password=<secret>")]
    [InlineData("app --password hunter2 -v", "app --password <secret> -v")]
    [InlineData("app --db-password=a --x=1", "app --db-password=<secret> --x=1")]
    [InlineData("env API_KEY=abc PATH=/bin", "env API_KEY=<secret> PATH=/bin")]
    [InlineData("env AWS_SECRET_ACCESS_KEY=abc/+def", "env AWS_SECRET_ACCESS_KEY=<secret>")]
    [InlineData("curl https://bob:s3cret@example.org/x", "curl https://<secret>@example.org/x")]
    [InlineData("curl -u bob:s3cret https://e.org", "curl -u <secret> https://e.org")]
    [InlineData("mysql -uroot -phunter2", "mysql -uroot -p<secret>")]
    [InlineData("/usr/bin/sshpass -p hunter2 ssh h", "/usr/bin/sshpass -p <secret> ssh h")]
    [InlineData("x AKIAIOSFODNN7EXAMPLE", "x <secret>")]
    [InlineData("x ghp_0123456789abcdefghijABCDEFGHIJ", "x <secret>")]
    [InlineData("x eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "x <secret>")]
    [InlineData("x https://e.org/?token=abcdef&y=1", "x https://e.org/?token=<secret>&y=1")]
    [InlineData("redis-cli -u redis://:hunter2@cache:6379", "redis-cli -u redis://<secret>@cache:6379")]
    [InlineData("curl https://bob:p@ss@example.org/x", "curl https://<secret>@example.org/x")]
    [InlineData("curl --user bob:s3cret https://e.org", "curl --user <secret> https://e.org")]
    [InlineData("curl -su bob:s3cret https://e.org", "curl -su <secret> https://e.org")]
    [InlineData("sudo mysql -phunter2", "sudo mysql -p<secret>")]
    [InlineData("docker login -u bob -p hunter2 r.example", "docker login -u bob -p <secret> r.example")]
    [InlineData("app --password -hunter2", "app --password <secret>")]
    [InlineData("x github_pat_0123456789abcdefghijABCD", "x <secret>")]
    [InlineData("x ASIAIOSFODNN7EXAMPLE", "x <secret>")]
    [InlineData("nginx -g daemon", "nginx -g daemon")]
    [InlineData("cat /etc/passwd", "cat /etc/passwd")]
    [InlineData("tool --token-file /run/t -q", "tool --token-file <secret> -q")]
    public void Secrets_go_and_the_rest_stays(string command, string expected) =>
        Assert.Equal(expected, string.Join(' ', Redact(new Redactor([], []), command.Split(' '))));

    [Theory]
    [InlineData("Authorization: Bearer abcdef123456", "Authorization: Bearer <secret>")]
    [InlineData("curl -H \"X-Api-Key: abc\" https://e.org; PASSWORD=x y", "curl -H \"X-Api-Key: <secret>\" https://e.org; PASSWORD=<secret> y")]
    [InlineData("mysql -phunter2 < /tmp/x", "mysql -p<secret> < /tmp/x")]
    [InlineData("cd /srv && curl -su bob:s3cret https://e.org | sh", "cd /srv && curl -su <secret> https://e.org | sh")]
    [InlineData("app --password 'two words' -v", "app --password <secret> -v")]
    [InlineData("{\"password\":\"hunter2\",\"user\":\"bob\"}", "{\"password\":\"<secret>\",\"user\":\"bob\"}")]
    public void Secrets_inside_one_argument_go(string argument, string expected) =>
        Assert.Equal(expected, Redact(new Redactor([], []), "sh", "-c", argument)[2]);

    [Fact]
    public void Names_and_patterns_of_the_operator_count_and_are_counted()
    {
        var redactor = new Redactor(["pepper"], [@"CORP-\d{6}"]);
        Assert.Equal(["a", "--pepper=<secret>", "<secret>"], Redact(redactor, "a", "--pepper=x", "CORP-123456"));
        Assert.Equal(2, redactor.Redacted);
    }

    [Fact]
    public void A_pattern_that_is_no_regular_expression_is_refused_by_name() =>
        Assert.Contains("redactPatterns", Assert.Throws<OptionsException>(() => new Redactor([], ["("])).Message, StringComparison.Ordinal);

    /// <summary>No timing here, but allocations grow with the work: a quadratic one would make hundreds of megabytes.</summary>
    [Theory]
    [InlineData("token")]
    [InlineData("://a:")]
    [InlineData("password=\"")]
    public void An_argument_made_to_be_slow_is_read_in_linear_time(string part)
    {
        var redactor = new Redactor([], []);
        var block = Encoding.UTF8.GetBytes("sh\0" + string.Concat(Enumerable.Repeat(part, 4000 / part.Length)) + "!\0");
        redactor.Redact(block);
        var before = GC.GetAllocatedBytesForCurrentThread();
        redactor.Redact(block);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4_000_000);
    }

    [Fact]
    public void Bytes_that_are_not_UTF8_survive_beside_a_secret()
    {
        byte[] block = [.. "--password=x\0"u8, 0xff, 0xfe, 0];
        byte[] expected = [.. "--password=<secret>\0"u8, 0xff, 0xfe, 0];
        Assert.Equal(expected, new Redactor([], []).Redact(block).ToArray());
    }

    [Fact]
    public void An_argument_without_a_hint_is_handed_back_as_it_is_without_allocation()
    {
        var redactor = new Redactor([], []);
        var block = Encoding.UTF8.GetBytes("nginx\0-c\0/etc/nginx/nginx.conf\0");
        redactor.Redact(block);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
            Assert.True(redactor.Redact(block).Length == block.Length);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void No_argument_block_throws_or_loses_an_argument()
    {
        var redactor = new Redactor([], []);
        Gen.Byte.Array[0, 300].Sample(block =>
        {
            byte[] ended = [.. block, 0];
            Assert.Equal(ended.Count(b => b == 0), redactor.Redact(ended).ToArray().Count(b => b == 0));
        }, threads: 1);
    }
}
