using System.Text;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Tests.Unit.Models;

/// <summary>A container of one workload as its sensors would report it: shorthands for events in words.</summary>
sealed class WorkloadUnderTest
{
    public const long Second = 1_000_000_000;
    public const long Hour = 3600 * Second;
    public const long Day = 24 * Hour;
    public const long Start = 20_000 * Day;
    public static readonly WorkloadKey Key = new("shop", "docker.io/library/nginx");

    public Baseline Baseline { get; set; } = new(Key);

    public long Now { get; set; } = Start;

    public ContainerFacts Container { get; set; } = new(Key, "c1", "1.25", Start);

    public Actor Actor { get; set; } = Actor.Entry("/usr/sbin/nginx");

    public EventFlags Flags { get; set; }

    public Verdict Exec(string path, params string[] arguments) => Observe(EventKind.Exec, path, arguments: arguments);

    public Verdict Open(string path) => Observe(EventKind.Open, path);

    public Verdict Write(string path) => Observe(EventKind.Write, path);

    public Verdict Connect(string address, ushort port, byte protocol = 6, string name = "") => Baseline.Observe(new ContainerEvent
    {
        TimeNs = Now,
        Kind = EventKind.Connect,
        Container = Container,
        Actor = Actor,
        Flags = Flags,
        Name = Encoding.UTF8.GetBytes(name),
        Peer = System.Net.IPAddress.Parse(address).GetAddressBytes(),
        Port = port,
        Protocol = protocol,
    });

    public Verdict Ask(string name) => Baseline.Observe(new ContainerEvent
    {
        TimeNs = Now,
        Kind = EventKind.Dns,
        Container = Container,
        Actor = Actor,
        Flags = Flags,
        Name = Encoding.UTF8.GetBytes(name),
        Protocol = 17,
    });

    /// <summary>The mark of a question never asked before.</summary>
    public string MarkOf(string name)
    {
        var behaviour = Ask(name).Behaviour;
        return Baseline.Snapshot().Evidence.Behaviours.Single(b => b.Key == behaviour).Mark;
    }

    public Verdict Listen(ushort port) => Observe(EventKind.Listen, "", port: port, protocol: 6);

    public Verdict Observe(EventKind kind, string path, string path2 = "", string[]? arguments = null, ushort port = 0,
        byte protocol = 0, uint mode = 0) => Baseline.Observe(new ContainerEvent
        {
            TimeNs = Now,
            Kind = kind,
            Container = Container,
            Actor = Actor,
            Flags = Flags,
            Path = Encoding.UTF8.GetBytes(path),
            Path2 = Encoding.UTF8.GetBytes(path2),
            Arguments = Encoding.UTF8.GetBytes(string.Concat((arguments ?? []).Select(a => a + "\0"))),
            Port = port,
            Protocol = protocol,
            Mode = mode,
        });

    public void Lock(LearningMode mode, ulong version = 1) => Baseline.Apply(new Model
    {
        Policy = new Policy { Version = version, Mode = mode, LockedUnixNs = Now },
    });
}
