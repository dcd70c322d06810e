using RuntimeGuard.Agent.Sensors;

namespace RuntimeGuard.Tests.Kernel;

[Trait("Category", "Kernel")]
[Collection(KernelTestGroup.Name)]
public sealed class PreflightTests(KernelSensor kernel)
{
    [Fact]
    public void Preflight_claims_exactly_the_hooks_the_sensor_has()
    {
        var socket = Path.GetTempFileName();
        try
        {
            var report = PreflightCommand.Examine([socket, socket + ".missing"]);
            Assert.True(report.SensorRuns, report.SensorProblem);
            Assert.Equal(kernel.Sensor.Hooks, report.Events);
            Assert.Equal([socket], report.RuntimeSockets);
            Assert.Equal(kernel.Root, report.CgroupV2Mount);
            Assert.True(report.Btf);
        }
        finally
        {
            File.Delete(socket);
        }
    }

    /// <summary>Each hook in use is of a type that was seen to run; a type that did not says why.</summary>
    [Fact]
    public void What_the_sensor_uses_was_seen_to_fire()
    {
        var types = ProgramTypeProbe.Run();
        Assert.Contains(types, t => t is { Type: "tp_btf", Loads: true, Fires: true });
        Assert.Contains(types, t => t is { Type: "ringbuf", Fires: true });
        Assert.All(types, t => Assert.Equal(t.Fires, t.Problem.Length == 0));
        Assert.All(kernel.Sensor.Hooks, h => Assert.Contains(
            types, t => t.Fires && h.Hook.StartsWith(t.Type + "/", StringComparison.Ordinal)));
    }
}
