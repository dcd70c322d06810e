using System.Formats.Tar;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace RuntimeGuard.Tests.Support;

/// <summary>Images made here, of busybox and three small C programs, as OCI archives that any runtime imports.</summary>
public static class TestImages
{
    public const string Pause = "rg.test/pause:1";
    public const string Shop = "rg.test/shop:1";
    /// <summary>The next version: the same programs and one file more.</summary>
    public const string ShopNext = "rg.test/shop:2";
    public const string ShopRepository = "rg.test/shop";

    static readonly string[] Applets =
    [
        "sh", "cat", "chmod", "chown", "cp", "date", "dd", "echo", "env", "head", "id", "kill", "ln", "ls", "mkdir", "mv",
        "nc", "ps", "rm", "sed", "sleep", "tail", "touch", "true", "vi", "wget", "whoami",
    ];

    /// <summary>Builds every image; returns the archives.</summary>
    public static async Task<IReadOnlyList<string>> BuildAsync(string directory)
    {
        var busybox = new[] { "/bin/busybox", "/usr/bin/busybox" }.FirstOrDefault(File.Exists)
            ?? throw new InvalidOperationException("busybox is missing: apt-get install busybox-static");
        var programs = Path.Combine(directory, "programs");
        Directory.CreateDirectory(programs);
        await Task.WhenAll(new[] { "pause", "shopd", "tool" }.Select(name => CompileAsync(name, programs)));

        var pause = Layer([("pause", Path.Combine(programs, "pause"))], [], []);
        (string, string)[] files =
        [
            ("bin/busybox", busybox), ("usr/bin/shopd", Path.Combine(programs, "shopd")),
            ("usr/bin/tool", Path.Combine(programs, "tool")),
        ];
        (string, string)[] texts =
        [
            ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nshop:x:1000:1000::/:/bin/sh\n"),
            ("etc/shadow", "root:*:19000:0:99999:7:::\n"), ("etc/group", "root:x:0:\n"),
            ("etc/cron.d/report", "0 * * * * root /bin/date\n"), ("etc/hosts", "127.0.0.1 localhost\n"),
        ];
        return
        [
            Archive(directory, Pause, pause, ["/pause"]),
            Archive(directory, Shop, Layer(files, texts, Applets), ["/usr/bin/shopd"]),
            Archive(directory, ShopNext, Layer(files, [.. texts, ("etc/shop.version", "2\n")], Applets), ["/usr/bin/shopd"]),
        ];
    }

    static async Task CompileAsync(string name, string into)
    {
        var source = Path.Combine(into, $"{name}.c");
        await using (var text = Assembly.GetExecutingAssembly().GetManifestResourceStream($"{name}.c")!)
        await using (var file = File.Create(source))
            await text.CopyToAsync(file);
        (await Command.RunAsync("clang", "-static", "-Os", "-s", "-Wall", "-Werror", "-o", Path.Combine(into, name), source)).Succeeded();
    }

    static byte[] Layer((string Name, string Path)[] files, (string Name, string Text)[] texts, string[] applets)
    {
        using var bytes = new MemoryStream();
        using (var tar = new TarWriter(bytes, TarEntryFormat.Ustar, leaveOpen: true))
        {
            foreach (var name in new[]
            {
                "bin", "etc", "etc/cron.d", "mnt", "proc", "root", "run", "sys", "tmp", "usr", "usr/bin", "var", "var/log",
                "var/log/shop",
            })
            {
                tar.WriteEntry(new UstarTarEntry(TarEntryType.Directory, name) { Mode = (UnixFileMode)0b111_101_101 });
            }
            foreach (var (name, path) in files)
            {
                using var data = File.OpenRead(path);
                tar.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, name)
                {
                    Mode = (UnixFileMode)0b111_101_101,
                    DataStream = data,
                });
            }
            foreach (var (name, text) in texts)
            {
                tar.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, name)
                {
                    Mode = name.EndsWith("shadow", StringComparison.Ordinal) ? (UnixFileMode)0b110_000_000 : (UnixFileMode)0b110_100_100,
                    DataStream = new MemoryStream(Encoding.UTF8.GetBytes(text)),
                });
            }
            foreach (var applet in applets)
                tar.WriteEntry(new UstarTarEntry(TarEntryType.SymbolicLink, $"bin/{applet}") { LinkName = "busybox" });
        }
        return bytes.ToArray();
    }

    static string Archive(string directory, string name, byte[] layer, string[] entrypoint)
    {
        var config = JsonSerializer.SerializeToUtf8Bytes(new
        {
            architecture = "amd64",
            os = "linux",
            config = new { Entrypoint = entrypoint, Env = new[] { "PATH=/usr/bin:/bin" }, WorkingDir = "/" },
            rootfs = new { type = "layers", diff_ids = new[] { Digest(layer) } },
        });
        var manifest = JsonSerializer.SerializeToUtf8Bytes(new
        {
            schemaVersion = 2,
            mediaType = "application/vnd.oci.image.manifest.v1+json",
            config = new { mediaType = "application/vnd.oci.image.config.v1+json", digest = Digest(config), size = config.Length },
            layers = new[]
            {
                new { mediaType = "application/vnd.oci.image.layer.v1.tar", digest = Digest(layer), size = layer.Length },
            },
        });
        var index = JsonSerializer.SerializeToUtf8Bytes(new
        {
            schemaVersion = 2,
            manifests = new[]
            {
                new
                {
                    mediaType = "application/vnd.oci.image.manifest.v1+json",
                    digest = Digest(manifest),
                    size = manifest.Length,
                    annotations = new Dictionary<string, string> { ["io.containerd.image.name"] = name },
                },
            },
        });
        var path = Path.Combine(directory, $"{name.Replace('/', '_').Replace(':', '_')}.tar");
        using var tar = new TarWriter(File.Create(path), TarEntryFormat.Ustar);
        void Add(string entry, byte[] data) => tar.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, entry)
        {
            Mode = (UnixFileMode)0b110_100_100,
            DataStream = new MemoryStream(data),
        });
        Add("oci-layout", Encoding.UTF8.GetBytes("""{"imageLayoutVersion":"1.0.0"}"""));
        Add("index.json", index);
        foreach (var blob in new[] { layer, config, manifest })
            Add($"blobs/sha256/{Digest(blob)["sha256:".Length..]}", blob);
        return path;
    }

    static string Digest(byte[] data) => $"sha256:{Convert.ToHexStringLower(SHA256.HashData(data))}";
}
