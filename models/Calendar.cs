using System.Buffers.Binary;
using System.Numerics;
using Google.Protobuf;

namespace RuntimeGuard.Models;

/// <summary>
/// The days (64 back from the latest) and the hours of the week in which something was seen. Mutable value; merging aligns to
/// the later day and ors, so it is commutative, associative and idempotent. Time is the model's, UTC.
/// </summary>
struct Calendar
{
    public const int HoursOfWeek = 168;
    const int Bytes = HoursOfWeek / 8;
    const long HourNs = 3_600_000_000_000;
    const long DayNs = 24 * HourNs;

    public long MaxDay;
    public ulong Days;
    ulong _h0, _h1, _h2;

    public static int HourOf(long timeNs) => (int)(timeNs / HourNs % HoursOfWeek);

    public readonly int DaysSeen => BitOperations.PopCount(Days);

    public readonly int HoursSeen => BitOperations.PopCount(_h0) + BitOperations.PopCount(_h1) + BitOperations.PopCount(_h2);

    public readonly bool Has(int hour) => ((hour < 64 ? _h0 : hour < 128 ? _h1 : _h2) >> (hour & 63) & 1) != 0;

    /// <summary>Notes a moment; true when it was a new day or hour.</summary>
    public bool Add(long timeNs)
    {
        var hour = HourOf(timeNs);
        var bit = 1UL << (hour & 63);
        // Not short-circuited: both are noted.
        return AddDays(timeNs / DayNs, 1) | AddHours(hour < 64 ? bit : 0, hour is >= 64 and < 128 ? bit : 0, hour >= 128 ? bit : 0);
    }

    public bool Merge(in Calendar other) => AddDays(other.MaxDay, other.Days) | AddHours(other._h0, other._h1, other._h2);

    /// <summary>From the wire; hours of another length are none.</summary>
    public static Calendar Of(long maxDay, ulong days, ByteString hours)
    {
        var calendar = new Calendar();
        calendar.AddDays(maxDay, days);
        if (hours.Length == Bytes)
        {
            Span<byte> words = stackalloc byte[24];
            hours.Span.CopyTo(words);
            calendar._h0 = BinaryPrimitives.ReadUInt64LittleEndian(words);
            calendar._h1 = BinaryPrimitives.ReadUInt64LittleEndian(words[8..]);
            calendar._h2 = BinaryPrimitives.ReadUInt64LittleEndian(words[16..]) & ((1UL << (HoursOfWeek - 128)) - 1);
        }
        return calendar;
    }

    public readonly ByteString HoursOnWire()
    {
        Span<byte> words = stackalloc byte[24];
        BinaryPrimitives.WriteUInt64LittleEndian(words, _h0);
        BinaryPrimitives.WriteUInt64LittleEndian(words[8..], _h1);
        BinaryPrimitives.WriteUInt64LittleEndian(words[16..], _h2);
        return ByteString.CopyFrom(words[..Bytes]);
    }

    bool AddDays(long maxDay, ulong days)
    {
        if (days == 0)
            return false;
        var (merged, all) = DaySet.Merge(MaxDay, Days, maxDay, days);
        var changed = merged != MaxDay || all != Days;
        (MaxDay, Days) = (merged, all);
        return changed;
    }

    bool AddHours(ulong h0, ulong h1, ulong h2)
    {
        var changed = (h0 & ~_h0) != 0 || (h1 & ~_h1) != 0 || (h2 & ~_h2) != 0;
        (_h0, _h1, _h2) = (_h0 | h0, _h1 | h1, _h2 | h2);
        return changed;
    }
}

/// <summary>The days something was seen: 64 bits back from the latest. Merging aligns to the later and ors.</summary>
static class DaySet
{
    public static (long MaxDay, ulong Days) Merge(long maxDayA, ulong daysA, long maxDayB, ulong daysB)
    {
        if (daysA == 0)
            return (daysB == 0 ? 0 : maxDayB, daysB);
        if (daysB == 0)
            return (maxDayA, daysA);
        var later = Math.Max(maxDayA, maxDayB);
        return (later, Shifted(daysA, later, maxDayA) | Shifted(daysB, later, maxDayB));
    }

    static ulong Shifted(ulong days, long later, long maxDay)
    {
        var behind = unchecked((ulong)later - (ulong)maxDay);
        return behind >= 64 ? 0 : days << (int)behind;
    }
}
