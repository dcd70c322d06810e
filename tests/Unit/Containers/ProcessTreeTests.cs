using CsCheck;
using RuntimeGuard.Agent.Containers;

namespace RuntimeGuard.Tests.Unit.Containers;

public sealed class ProcessTreeTests
{
    const ulong Second = 1_000_000_000;
    const ulong Linger = 60 * Second;

    static readonly ProcessKey Init = new(1, 100);

    readonly ProcessTree<object> _tree = new(capacity: 1000, Linger);

    ProcessNode<object> Fork(ProcessKey child, ProcessKey parent, ulong now = 0) =>
        _tree.Fork(child, parent, Math.Max(now, child.StartNs)) ?? throw new InvalidOperationException("refused");

    [Fact]
    public void A_child_is_the_likeness_of_its_parent_until_it_execs()
    {
        var actor = new object();
        var parent = Fork(Init, default);
        ProcessTree<object>.Exec(parent, "/bin/httpd", [.. "httpd\0-f\0"u8], ProcessFlags.NotInImage);
        (parent.Uid, parent.Actor, parent.Lineage) = (7, actor, new ProcessKey(1, 100));
        parent.Flags |= ProcessFlags.Serves | ProcessFlags.EntryActor | ProcessFlags.Injected;

        var child = Fork(new(2, 200), Init);

        Assert.Equal(("/bin/httpd", 7u, Init), (child.Exe, child.Uid, child.Lineage));
        Assert.Same(actor, child.Actor);
        Assert.Same(parent, child.Parent);
        Assert.Equal(
            ProcessFlags.Serves | ProcessFlags.Injected | ProcessFlags.NotInImage | ProcessFlags.SeenFromBirth, child.Flags);

        ProcessTree<object>.Exec(child, "/bin/sh", [.. "sh\0"u8], ProcessFlags.None);

        Assert.False(child.Serves);
        Assert.Equal(ProcessFlags.Injected | ProcessFlags.SeenFromBirth, child.Flags);
        Assert.Equal(Init, child.Lineage);
    }

    [Fact]
    public void A_reused_pid_is_another_process()
    {
        Fork(Init, default);
        var first = Fork(new(5, 500), Init);
        first.Exe = "/bin/first";
        Assert.True(_tree.Exit(5, 500, Second));

        var second = Fork(new(5, 900), Init);

        Assert.NotSame(first, second);
        Assert.True(_tree.TryGet(5, 500, out var lingering));
        Assert.Equal("/bin/first", lingering.Exe);
        Assert.True(_tree.TryGetLiving(5, out var living));
        Assert.Same(second, living);
        Assert.False(_tree.TryGet(5, 700, out _));
    }

    [Fact]
    public void A_missed_exit_is_noticed_when_the_pid_comes_again()
    {
        Fork(new(5, 500), Init);
        Fork(new(5, 900), Init);

        Assert.Equal(1, _tree.MissedExits);
        Assert.True(_tree.TryGet(5, 500, out var first));
        Assert.True(first.Exited);
        Assert.Null(_tree.GetOrAdd(new(5, 400), Init, 1000));
        Assert.True(_tree.TryGetLiving(5, out var living));
        Assert.Equal(900u, living.StartNs);
    }

    [Fact]
    public void An_exited_process_lingers_for_the_stated_time()
    {
        Fork(Init, default);
        Fork(new(2, 200), Init);
        _tree.Exit(2, 200, Second);

        _tree.Expire(Second + Linger - 1);
        Assert.True(_tree.TryGet(2, 200, out _));
        _tree.Expire(Second + Linger);
        Assert.False(_tree.TryGet(2, 200, out _));
        Assert.False(_tree.Exit(2, 200, Second));
    }

    [Fact]
    public void An_exited_ancestor_is_kept_while_a_descendant_lives()
    {
        Fork(Init, default);
        Fork(new(2, 200), Init).Exe = "/bin/sh";
        var grandchild = Fork(new(3, 300), new(2, 200));
        _tree.Exit(2, 200, Second);

        _tree.Expire(Second + 10 * Linger);

        Assert.Equal("/bin/sh", grandchild.Parent?.Exe);
        _tree.Exit(3, 300, Second + 10 * Linger);
        _tree.Expire(Second + 11 * Linger);
        _tree.Expire(Second + 12 * Linger);
        Assert.Equal(1, _tree.Count);
    }

    [Fact]
    public void A_full_table_forgets_the_oldest_exited_and_then_refuses()
    {
        var tree = new ProcessTree<object>(3, Linger);
        tree.Fork(Init, default, 100);
        tree.Fork(new(2, 200), Init, 200);
        var child = tree.Fork(new(3, 300), new(2, 200), 300)!;
        tree.Exit(2, 200, 400);

        Assert.NotNull(tree.Fork(new(4, 400), Init, 400));
        Assert.Equal((1L, 0L), (tree.Evicted, tree.Refused));
        Assert.Null(child.Parent);
        Assert.Equal(new ProcessKey(2, 200), child.ParentKey);

        Assert.Null(tree.Fork(new(5, 500), Init, 500));
        Assert.Equal((1L, 1L, 3), (tree.Evicted, tree.Refused, tree.Count));
    }

    [Fact]
    public void An_endless_chain_of_daemons_is_cut_and_said_to_be()
    {
        var parent = Init;
        Fork(Init, default);
        ProcessNode<object> node = null!;
        for (uint i = 2; i < 500; i++)
        {
            node = Fork(new(i, i * 100), parent, i * 100);
            _tree.Exit(parent.Pid, parent.StartNs, i * 100);
            parent = node.Key;
        }

        var ancestors = new ProcessNode<object>[1000];
        Assert.InRange(ProcessTree<object>.Ancestors(node, ancestors), 1, ProcessTree<object>.MaxDepth);
        Assert.True(node.Flags.HasFlag(ProcessFlags.AncestryCut));
    }

    [Fact]
    public void A_start_known_in_ticks_is_corrected_by_the_first_exact_one()
    {
        var node = _tree.GetOrAdd(new(9, 50 * Second), Init, 60 * Second)!;
        node.Flags |= ProcessFlags.StartApproximate;

        Assert.True(_tree.TryGet(9, 50 * Second + 9_999_999, out var exact));
        Assert.Same(node, exact);
        Assert.Equal(50 * Second + 9_999_999, exact.StartNs);
        Assert.False(_tree.TryGet(9, 50 * Second, out _));
        Assert.Equal(1, _tree.Count);
    }

    [Fact]
    public void Looking_up_and_steady_forking_allocate_nothing()
    {
        Fork(Init, default);
        void Turn(ulong now)
        {
            _tree.Fork(new(2, now), Init, now);
            _tree.TryGet(2, now, out _);
            _tree.TryGetLiving(2, out _);
            _tree.Exit(2, now, now);
        }
        for (ulong i = 1; i < 500; i++)
            Turn(i * Second);

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (ulong i = 500; i < 1000; i++)
            Turn(i * Second);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Any_order_of_events_keeps_the_table_bounded_and_whole()
    {
        var step = Gen.Select(Gen.Int[0, 3], Gen.UInt[1, 12], Gen.ULong[1, 40], Gen.UInt[0, 12]);
        step.List[0, 300].Sample(steps =>
        {
            var tree = new ProcessTree<object>(16, 5);
            ulong now = 1;
            foreach (var (what, pid, start, parent) in steps)
            {
                now += start % 3;
                switch (what)
                {
                    case 0: tree.Fork(new(pid, start), new(parent, start / 2), now); break;
                    case 1: tree.GetOrAdd(new(pid, start), new(parent, start / 2), now); break;
                    case 2: tree.Exit(pid, start, now); break;
                    default: tree.Expire(now); break;
                }
                Assert.InRange(tree.Count, 0, 16);
                Assert.InRange(tree.Living, 0, tree.Count);
                foreach (var node in tree.All)
                {
                    var hops = 0;
                    for (var a = node.Parent; a is not null; a = a.Parent)
                        Assert.True(++hops <= 16, "a cycle of parents");
                    Assert.True(tree.TryGet(node.Pid, node.StartNs, out var same) && ReferenceEquals(node, same));
                }
            }
        });
    }
}
