using System.Buffers;
using System.IO.Hashing;
using System.Text;

namespace RuntimeGuard.Models;

/// <summary>The one hash of behaviours, units and containers. Evidence.format names it: change it and raise <see cref="EvidenceFormat.Current"/>.</summary>
static class KeyHash
{
    const long Seed = 0x5275_6E47_7561_7264;

    public static ulong Of(ReadOnlySpan<byte> bytes) => XxHash64.HashToUInt64(bytes, Seed);

    public static ulong Of(ulong head, ReadOnlySpan<byte> bytes) =>
        XxHash64.HashToUInt64(bytes, unchecked((long)head ^ Seed));

    public static ulong Of(string text)
    {
        var most = Encoding.UTF8.GetMaxByteCount(text.Length);
        if (most <= 1024)
        {
            Span<byte> near = stackalloc byte[most];
            return Of(near[..Encoding.UTF8.GetBytes(text, near)]);
        }
        var far = ArrayPool<byte>.Shared.Rent(most);
        var hash = Of(far.AsSpan(0, Encoding.UTF8.GetBytes(text, far)));
        ArrayPool<byte>.Shared.Return(far);
        return hash;
    }

    /// <summary>The finaliser of MurmurHash3 over both words; order matters.</summary>
    public static ulong Mix(ulong a, ulong b)
    {
        var x = unchecked((a * 0x9E37_79B9_7F4A_7C15) ^ (b + 0x632B_E59B_D9B4_E019));
        x = unchecked((x ^ (x >> 33)) * 0xFF51_AFD7_ED55_8CCD);
        x = unchecked((x ^ (x >> 33)) * 0xC4CE_B9FE_1A85_EC53);
        return x ^ (x >> 33);
    }
}
