using System.Security.Cryptography;

namespace RuntimeGuard.Models;

/// <summary>
/// A map from 64-bit hashes to small values in two flat arrays: 8 bytes and the value for each slot, at most three quarters
/// of them used. Entries are never removed one by one. Where a key lies depends on a secret of the process, what is found
/// does not: whoever chooses names can aim at keys, and not at slots. One thread at a time.
/// </summary>
sealed class KeyTable<T> where T : struct
{
    const int FewestSlots = 16;

    static readonly ulong Spread = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8)) | 1;

    ulong[] _keys = [];
    T[] _values = [];
    int _shift = 64;

    public int Count { get; private set; }

    public int Slots => _keys.Length;

    /// <summary>The value of an index; valid until the next <see cref="Add"/>.</summary>
    public ref T this[int index] => ref _values[index];

    public bool Contains(ulong key) => IndexOf(key) >= 0;

    /// <summary>-1 when there is none.</summary>
    public int IndexOf(ulong key)
    {
        if (Count == 0)
            return -1;
        key |= 1; // 0 marks a free slot; one bit less tells two keys apart
        for (var at = Home(key); _keys[at] != 0; at = (at + 1) & (_keys.Length - 1))
            if (_keys[at] == key)
                return at;
        return -1;
    }

    /// <summary>Its index; the value is the default when the key is new.</summary>
    public int Add(ulong key, out bool added)
    {
        if (4 * (Count + 1) > 3 * _keys.Length)
            Grow();
        key |= 1;
        var at = Home(key);
        for (; _keys[at] != 0; at = (at + 1) & (_keys.Length - 1))
            if (_keys[at] == key)
            {
                added = false;
                return at;
            }
        _keys[at] = key;
        Count++;
        added = true;
        return at;
    }

    /// <summary>Empties it; the memory goes too, so that what was full once is small again.</summary>
    public void Clear() => (_keys, _values, _shift, Count) = ([], [], 64, 0);

    int Home(ulong key) => (int)(unchecked(key * Spread) >> _shift);

    void Grow()
    {
        var (keys, values) = (_keys, _values);
        var slots = Math.Max(FewestSlots, 2 * keys.Length);
        (_keys, _values) = (new ulong[slots], new T[slots]);
        _shift = 64 - System.Numerics.BitOperations.Log2((uint)slots);
        for (var i = 0; i < keys.Length; i++)
        {
            if (keys[i] == 0)
                continue;
            var at = Home(keys[i]);
            while (_keys[at] != 0)
                at = (at + 1) & (slots - 1);
            (_keys[at], _values[at]) = (keys[i], values[i]);
        }
    }
}
