using System.IO.Hashing;
using System.Text;

namespace RuntimeGuard.Agent.Names;

/// <summary>The name of an address, and when it ends (CLOCK_BOOTTIME). The bytes are never written again.</summary>
readonly record struct KeptName(UInt128 Address, byte[] Name, ulong UntilNs);

/// <summary>One container's names; none: there is nothing to keep of it any more.</summary>
/// <param name="ContainerId">Its id, or its cgroup's path where ids are not unique.</param>
sealed record KeptNames(string ContainerId, IReadOnlyList<KeptName> Names);

/// <summary>
/// The names of containers over a restart of the agent, one file per container: boot id, container id, count, then
/// address (16), end (8) and name each. Ends are of the boot clock, which nobody sets and which stands for nothing in
/// another boot: the names of another boot are gone, as its containers' networks are. Any thread, one call at a time.
/// </summary>
sealed class NameStore(string directory, string bootId)
{
    const uint Magic = 0x4d4e4752;  // "RGNM"
    const uint Format = 1;
    const long MaxFileBytes = 512 << 10;  // a full table of longest names is 285 kB
    const int MostContainerId = 4096;
    const string Extension = ".names";

    readonly CheckedFiles _files = new(Magic, Format, MaxFileBytes);

    /// <summary>Files refused since start because they were damaged or of another format.</summary>
    public int Refused => _files.Refused;

    /// <summary>Writes what there is; of a container without names the file goes.</summary>
    public void Save(KeptNames kept)
    {
        var path = PathOf(kept.ContainerId);
        if (kept.Names.Count == 0)
        {
            if (Directory.Exists(directory))
                CheckedFiles.Delete(path);
            return;
        }
        Directory.CreateDirectory(directory);
        using var file = new MemoryStream();
        file.SetLength(CheckedFiles.Header);
        file.Position = CheckedFiles.Header;
        using var to = new BinaryWriter(file);
        to.Write(bootId);
        to.Write(kept.ContainerId);
        to.Write(kept.Names.Count);
        foreach (var name in kept.Names)
        {
            to.Write((ulong)(name.Address >> 64));
            to.Write((ulong)name.Address);
            to.Write(name.UntilNs);
            to.Write((byte)name.Name.Length);
            to.Write(name.Name);
        }
        to.Flush();
        _files.Write(path, file.ToArray());
    }

    /// <summary>What has not ended, by container; nothing of a container of which all has. What is damaged is counted.</summary>
    /// <param name="ended">Containers of which all has ended.</param>
    public List<KeptNames> LoadAll(ulong nowNs, out List<string> ended)
    {
        var living = new List<KeptNames>();
        ended = [];
        foreach (var (boot, kept) in _files.ReadAll(directory, Extension, Parse))
        {
            List<KeptName> names = boot == bootId ? [.. kept.Names.Where(n => n.UntilNs >= nowNs)] : [];
            if (names.Count > 0)
                living.Add(kept with { Names = names });
            else
                ended.Add(kept.ContainerId);
        }
        return living;
    }

    /// <summary>Puts what was refused out of the way: no container may ever write there again. The last of it is kept.</summary>
    public void Tidy()
    {
        if (Directory.Exists(directory))
            _files.Tidy(directory, Extension, Path.Combine(directory, "damaged"));
    }

    static OfBoot? Parse(ArraySegment<byte> content)
    {
        using var from = new BinaryReader(new MemoryStream(content.Array!, content.Offset, content.Count, writable: false));
        var (boot, container, count) = (from.ReadString(), from.ReadString(), from.ReadInt32());
        if (container.Length is 0 or > MostContainerId || count is < 0 or > NameTable.Capacity)
            return null;
        var names = new KeptName[count];
        foreach (ref var name in names.AsSpan())
        {
            var address = new UInt128(from.ReadUInt64(), from.ReadUInt64());
            var until = from.ReadUInt64();
            int length = from.ReadByte();
            if (length is 0 or > DnsName.Longest)
                return null;
            name = new KeptName(address, new byte[length], until);
            from.BaseStream.ReadExactly(name.Name);
        }
        return from.BaseStream.Position == content.Count ? new OfBoot(boot, new KeptNames(container, names)) : null;
    }

    string PathOf(string containerId) =>
        // Containers of some runtimes are called as somebody likes: hashed, so that it cannot walk out of the directory.
        Path.Combine(directory, Convert.ToHexStringLower(XxHash128.Hash(Encoding.UTF8.GetBytes(containerId))) + Extension);

    sealed record OfBoot(string BootId, KeptNames Kept);
}
