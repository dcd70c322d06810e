using System.Data.Common;
using RuntimeGuard.Proto;

namespace RuntimeGuard.Collector.History.DuckDb;

/// <summary>Reads a row selected by <see cref="HistorySql"/>. Ordinals are those of <see cref="HistorySchema.Columns"/>.</summary>
static class HistoryRowReader
{
    public const int Id = 3;

    public static HistoryRow Read(DbDataReader reader)
    {
        var kind = (HistoryKind)reader.GetByte(4);
        var row = new HistoryRow
        {
            TimeUnixNs = reader.GetInt64(0),
            LastUnixNs = reader.GetInt64(1),
            ReceivedUnixNs = reader.GetInt64(2),
            Kind = kind.Name(),
            Node = reader.GetString(5),
            Subject = reader.GetString(23),
            Behaviour = reader.GetString(24),
            Peer = reader.GetString(25),
            Port = (uint)reader.GetInt32(28),
            Count = (ulong)reader.GetInt64(29),
            Score = reader.GetDouble(30),
            // What whole messages hold beyond the columns comes back in the detail.
            Detail = kind is HistoryKind.Coverage or HistoryKind.Gap or HistoryKind.Container
                ? reader.GetString(33)
                : reader.GetString(32),
        };
        if ((EventKind)reader.GetInt32(21) is var happened and not EventKind.Unspecified)
        {
            row.Event = EventNames.Of(happened);
        }
        if (reader.GetString(8).Length > 0)
        {
            row.Container = Container(reader);
        }
        if (reader.GetInt32(13) != 0)
        {
            row.Process = Process(reader);
        }
        return row;
    }

    static Container Container(DbDataReader reader)
    {
        var container = new Container
        {
            Id = reader.GetString(8),
            Name = reader.GetString(9),
            Pod = reader.GetString(10),
            Tag = reader.GetString(11),
            Digest = reader.GetString(12),
        };
        if (reader.GetString(7).Length > 0)
        {
            container.Workload = new Workload { Namespace = reader.GetString(6), Image = reader.GetString(7) };
        }
        return container;
    }

    static Process Process(DbDataReader reader)
    {
        var process = new Process
        {
            Pid = reader.GetInt32(13),
            StartUnixNs = reader.GetInt64(14),
            ParentPid = reader.GetInt32(15),
            ParentStartUnixNs = reader.GetInt64(16),
            Uid = reader.GetFieldValue<uint>(17),
            Exe = reader.GetString(18),
            Comm = reader.GetString(19),
        };
        var args = reader.GetString(20);
        if (args.Length > 0)
        {
            process.Args.AddRange(args.Split(HistoryItem.ArgumentSeparator));
        }
        return process;
    }
}
