using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Google.Protobuf.Collections;

namespace RuntimeGuard.Models;

/// <summary>
/// The k smallest of a set of 64-bit hashes, ascending. Union-and-truncate is commutative, associative and idempotent,
/// and the count is exact below k.
/// </summary>
public static class BottomK
{
    public const int Units = 16;
    public const int Containers = 8;
    public const int Versions = 8;
    public const int ClassUnits = 1024;
    public const int StartUnits = 64;
    public const int VersionUnits = 32;
    public const int Features = 128;
    public const int Peers = 64;

    public static void AddAll(this RepeatedField<ulong> to, ReadOnlySpan<ulong> hashes)
    {
        foreach (var hash in hashes)
            to.Add(hash);
    }

    /// <summary>How many were ever added: exact below k, else (k-1)/U_(k) with U the largest hash kept as a share of the range.</summary>
    public static double Estimate(int count, ulong largest, int k) =>
        count < k ? count : (count - 1) / (largest / (double)ulong.MaxValue);

    /// <summary>Of a store that ends at its first zero, or at its end.</summary>
    public static int Count(ReadOnlySpan<ulong> store) => store.IndexOf(0ul) is >= 0 and var end ? end : store.Length;

    /// <summary>Adds to a store that ends at its first zero. Zero stands for none and is left out; false when nothing changed.</summary>
    public static bool Insert(Span<ulong> store, ulong hash)
    {
        var count = Count(store);
        return hash != 0 && Insert(store, ref count, hash);
    }

    /// <summary>Adds to the first <paramref name="count"/> of <paramref name="store"/>; false when nothing changed.</summary>
    public static bool Insert(Span<ulong> store, ref int count, ulong hash)
    {
        if (count == store.Length && hash >= store[count - 1])
            return false;
        var at = store[..count].BinarySearch(hash);
        if (at >= 0)
            return false;
        at = ~at;
        if (count < store.Length)
            count++;
        store[at..(count - 1)].CopyTo(store[(at + 1)..]);
        store[at] = hash;
        return true;
    }
}

/// <summary>Hashes of units: the lowest bit tells a start-up, which is a context of its own, from an hour or a run.</summary>
static class UnitHash
{
    public static ulong OfStart(ulong hash) => hash | 1;

    public static ulong OfHourOrRun(ulong hash) => hash & ~1ul;

    public static bool IsStart(ulong unit) => (unit & 1) != 0;
}

/// <summary>The units a behaviour was seen in. Its count is not kept: a behaviour is paid for by the byte.</summary>
struct UnitSketch
{
    [InlineArray(BottomK.Units)]
    struct Hashes
    {
        ulong _first;
    }

    Hashes _hashes;

    public readonly int Count => BottomK.Count(_hashes);

    public bool Add(ulong unit) => BottomK.Insert(_hashes, unit);

    [UnscopedRef]
    public readonly ReadOnlySpan<ulong> AsSpan() => ((ReadOnlySpan<ulong>)_hashes)[..Count];
}

/// <summary>The containers, or the image versions, a behaviour was seen in.</summary>
struct SmallSketch
{
    [InlineArray(BottomK.Containers)]
    struct Hashes
    {
        ulong _first;
    }

    Hashes _hashes;

    public readonly int Count => BottomK.Count(_hashes);

    /// <summary>True also where the sketch is full and cannot tell.</summary>
    public readonly bool MayHold(ulong hash) => Count == BottomK.Containers || AsSpan().Contains(hash);

    public bool Add(ulong hash) => BottomK.Insert(_hashes, hash);

    [UnscopedRef]
    public readonly ReadOnlySpan<ulong> AsSpan() => ((ReadOnlySpan<ulong>)_hashes)[..Count];
}

/// <summary>A set of units that grows to its k and no further; the complete units of a class with the default k.</summary>
sealed class UnitSet(int k = BottomK.ClassUnits)
{
    ulong[] _hashes = [];
    int _count;

    public int Count => _count;

    /// <summary>Units ever added, by <see cref="BottomK.Estimate"/>.</summary>
    public double Estimate => BottomK.Estimate(_count, _count == 0 ? 0 : _hashes[_count - 1], k);

    public ReadOnlySpan<ulong> AsSpan() => _hashes.AsSpan(0, _count);

    public void Clear() => _count = 0;

    public bool Add(ulong unit)
    {
        if (_count == _hashes.Length && _count < k)
            Array.Resize(ref _hashes, Math.Clamp(_count * 2, Math.Min(16, k), k));
        return BottomK.Insert(_hashes, ref _count, unit);
    }

    /// <summary>
    /// Is this a complete unit? Above k only the kept part of the range can be asked; of the rest start-ups are told by their
    /// hash, and the units that lost events are taken as complete: that errs by their share.
    /// </summary>
    public bool Contains(ulong unit) => AsSpan().BinarySearch(unit) >= 0
        || (_count == k && unit > _hashes[_count - 1] && !UnitHash.IsStart(unit));
}
