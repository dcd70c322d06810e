using System.Diagnostics.CodeAnalysis;
using System.IO.Hashing;

namespace RuntimeGuard.Models.Replay;

/// <summary>
/// Objects by the bytes that name them; a look-up of a known one allocates nothing. Emptied when full: what was handed out
/// stays valid, it is only made anew.
/// </summary>
sealed class Intern<T>(int most)
{
    readonly Dictionary<byte[], T> _known = new(Bytes.Comparer);

    public int Count => _known.Count;

    public bool TryGet(ReadOnlySpan<byte> name, [MaybeNullWhen(false)] out T value) =>
        _known.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(name, out value);

    public T Add(ReadOnlySpan<byte> name, T value)
    {
        if (_known.Count >= most)
            _known.Clear();
        _known[name.ToArray()] = value;
        return value;
    }

    sealed class Bytes : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
    {
        public static readonly Bytes Comparer = new();

        public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(byte[] obj) => Hash(obj);

        public bool Equals(ReadOnlySpan<byte> alternate, byte[] other) => alternate.SequenceEqual(other);

        public int GetHashCode(ReadOnlySpan<byte> alternate) => Hash(alternate);

        public byte[] Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();

        // A fixed seed: the order of a dictionary is never looked at, and floods are bounded by its cap.
        static int Hash(ReadOnlySpan<byte> bytes) => (int)XxHash3.HashToUInt64(bytes);
    }
}
