using CsCheck;
using RuntimeGuard.Agent;
using RuntimeGuard.Models;
using RuntimeGuard.Proto;
using RuntimeGuard.Tests.Support;
using RuntimeGuard.Tests.Unit.Models;

namespace RuntimeGuard.Tests.Unit.Agent;

public sealed class BaselineStoreTests : IDisposable
{
    readonly string _directory = Directory.CreateTempSubdirectory("baselines").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    static Model Model(string image, ulong version) => new()
    {
        Workload = new Workload { Namespace = "shop", Image = image },
        Policy = new Policy { Version = version },
    };

    string FileOf(string suffix) => Directory.GetFiles(_directory, "*" + suffix).Single();

    [Fact]
    public void What_was_saved_is_loaded()
    {
        var store = new BaselineStore(_directory);
        store.Save(Model("../../etc/passwd", 1));
        store.Save(Model("web", 2));
        Assert.Equal((ulong[])[1, 2], new BaselineStore(_directory).LoadAll().Select(m => m.Policy.Version).Order());
        Assert.All(Directory.GetFiles(_directory), f => Assert.Equal(_directory, Path.GetDirectoryName(f)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    [InlineData(12)]
    [InlineData(20)]
    public void A_damaged_file_is_refused_and_the_previous_copy_used(int at)
    {
        var store = new BaselineStore(_directory);
        store.Save(Model("web", 1));
        store.Save(Model("web", 2));
        using (var file = File.OpenWrite(FileOf(".baseline")))
        {
            file.Position = at;
            file.WriteByte(0xee);
        }
        var again = new BaselineStore(_directory);
        Assert.Equal(1ul, again.LoadAll().Single().Policy.Version);
        Assert.Equal(1, again.Refused);
    }

    [Fact]
    public void A_cut_file_without_predecessor_is_refused_and_nothing_is_invented()
    {
        new BaselineStore(_directory).Save(Model("web", 1));
        using (var file = File.OpenWrite(FileOf(".baseline")))
            file.SetLength(9);
        var again = new BaselineStore(_directory);
        Assert.Empty(again.LoadAll());
        Assert.Equal(1, again.Refused);
    }

    [Fact]
    public void A_file_of_the_version_before_is_read_with_all_it_knew()
    {
        new BaselineStore(_directory).Save(EvidenceFormatTests.OfTheVersionBefore());
        var model = new BaselineStore(_directory).LoadAll().Single();
        var baselines = new BaselineSet();
        var baseline = baselines.GetOrAdd(new WorkloadKey(model.Workload.Namespace, model.Workload.Image));
        baseline.Restore(model);
        Assert.Equal((4, 0), (baseline.Behaviours, baseline.Counters.EvidenceRefused));
    }

    /// <summary>Whatever happened to the file, the copy before it is used, counted, and not written over by the next save.</summary>
    [Fact]
    public void Any_damage_is_refused_counted_and_healed_by_the_copy_before() => Gen.Select(Gen.Int[0, 100_000], Gen.Byte[1, 255], Gen.Int[0, 3]).Sample((at, flip, how) =>
    {
        var directory = Directory.CreateTempSubdirectory("baselines").FullName;
        try
        {
            var store = new BaselineStore(directory);
            store.Save(Model("web", 1));
            var second = EvidenceFormatTests.OfTheVersionBefore();
            (second.Workload, second.Policy) = (Model("web", 2).Workload, new Policy { Version = 2 });
            store.Save(second);
            var path = Directory.GetFiles(directory, "*.baseline").Single();
            DamagedFile.Make(path, at, flip, how);
            var again = new BaselineStore(directory);
            Assert.Equal(1ul, again.LoadAll().Single().Policy.Version);
            Assert.Equal(1, again.Refused);
            again.Save(Model("web", 3));
            File.WriteAllBytes(path, []);
            Assert.Equal(1ul, new BaselineStore(directory).LoadAll().Single().Policy.Version);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }, iter: 300);
}
