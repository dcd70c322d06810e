using RuntimeGuard.Agent;
using RuntimeGuard.Proto;

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
}
