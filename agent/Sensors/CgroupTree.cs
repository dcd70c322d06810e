namespace RuntimeGuard.Agent.Sensors;

/// <summary>Which cgroup hierarchies are mounted: "v1", "v2", "hybrid" or "none", and where the v2 tree is ("" if not).</summary>
readonly record struct CgroupTree(string Version, string V2Mount)
{
    const int MountPoint = 4;

    /// <summary>From this process's mounts.</summary>
    public static CgroupTree Read() => Parse(File.ReadLines("/proc/self/mountinfo"));

    /// <summary>From lines of proc(5)'s mountinfo; the first v2 mount counts.</summary>
    public static CgroupTree Parse(IEnumerable<string> mountInfo)
    {
        bool v1 = false;
        string v2 = "";
        foreach (string line in mountInfo)
        {
            // Optional fields end with a lone hyphen, then comes the type.
            int separator = line.IndexOf(" - ", StringComparison.Ordinal);
            var fields = line.Split(' ');
            if (separator < 0 || fields.Length <= MountPoint)
                continue;
            var type = line.AsSpan(separator + 3);
            if (type.StartsWith("cgroup2 ", StringComparison.Ordinal) && v2.Length == 0)
                v2 = fields[MountPoint];
            else if (type.StartsWith("cgroup ", StringComparison.Ordinal))
                v1 = true;
        }
        return new CgroupTree(v1 ? v2.Length > 0 ? "hybrid" : "v1" : v2.Length > 0 ? "v2" : "none", v2);
    }
}
