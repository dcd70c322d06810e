using System.Runtime.InteropServices;
using RuntimeGuard.Agent.Native;

namespace RuntimeGuard.Agent.Sensors;

/// <summary>Attaches one program where its section says: at its tracepoint, or to the root of the cgroup v2 tree.</summary>
static class BpfAttachment
{
    /// <summary>Sections of programs that are a cgroup's: packets of every socket made in it or below.</summary>
    public const string OfCgroup = "cgroup_skb/";

    /// <summary>Null when attached; else why not.</summary>
    public static string? Try(nint program, string section, out BpfLinkHandle? link)
    {
        nint made;
        if (!section.StartsWith(OfCgroup, StringComparison.Ordinal))
        {
            made = LibBpf.bpf_program__attach(program);
        }
        else
        {
            string root = CgroupTree.Read().V2Mount;
            if (root.Length == 0)
            {
                link = null;
                return "no cgroup v2 tree is mounted";
            }
            try
            {
                using var directory = Directories.Open(root);
                made = LibBpf.bpf_program__attach_cgroup(program, directory.Number);
            }
            catch (NativeException e)
            {
                link = null;
                return e.Message;
            }
        }
        link = made == 0 ? null : new BpfLinkHandle(made);
        return made == 0 ? Marshal.GetLastPInvokeErrorMessage() : null;
    }
}
