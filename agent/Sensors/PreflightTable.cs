namespace RuntimeGuard.Agent.Sensors;

/// <summary>The preflight report for people.</summary>
static class PreflightTable
{
    public static void Write(TextWriter to, PreflightReport report)
    {
        string v2 = report.CgroupV2Mount.Length > 0 ? $", v2 at {report.CgroupV2Mount}" : "";
        to.WriteLine($"kernel        {Or(report.Kernel, "unknown")}");
        to.WriteLine($"BTF           {(report.Btf ? "yes" : "no: needs a kernel with CONFIG_DEBUG_INFO_BTF")}");
        to.WriteLine($"cgroups       {report.CgroupVersion}{v2}");
        to.WriteLine($"LSMs          {Or(string.Join(", ", report.ActiveLsms), "none or unknown")}");
        to.WriteLine($"runtimes      {Or(string.Join(", ", report.RuntimeSockets), "no socket found")}");
        to.WriteLine($"capabilities  {Or(string.Join(", ", report.Capabilities), "none")}");
        to.WriteLine();
        to.WriteLine("PROGRAM TYPE  LOADS  FIRES");
        foreach (var type in report.ProgramTypes)
            to.WriteLine($"{type.Type,-12}  {YesNo(type.Loads),-5}  {YesNo(type.Fires),-5}  {type.Problem}".TrimEnd());
        to.WriteLine();
        to.WriteLine("EVENT         SEEN BY");
        foreach (var hook in report.Events)
            to.WriteLine($"{hook.Event,-12}  {(hook.Hook.Length > 0 ? hook.Hook : $"blind: {hook.BlindReason}")}");
        if (report.Unknown.Count > 0)
            to.WriteLine();
        foreach (string item in report.Unknown)
            to.WriteLine($"unknown: {item}");
        to.WriteLine();
        to.WriteLine(report.SensorRuns ? "The sensor runs here." : $"The sensor does not run here: {report.SensorProblem}");
    }

    static string Or(string text, string otherwise) => text.Length > 0 ? text : otherwise;

    static string YesNo(bool value) => value ? "yes" : "no";
}
