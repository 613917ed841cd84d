using SpadeCluster.Galleries;
using SpadeCluster.Scoring;
using SpadeCluster.Storage.Snapshots;
using SpadeCluster.Storage.Tests.Support;

namespace SpadeCluster.Storage.Tests.Snapshots;

[Collection(StoresCollection.Name)]
public sealed class SnapshotTests(PostgresCluster postgres) : IDisposable
{
    private readonly Stores _stores = new(postgres);

    public static TheoryData<Medium> Media => Stores.Media();

    public void Dispose() => _stores.Dispose();

    [Fact]
    public async Task What_must_stay_free_of_a_disk_is_not_written_over()
    {
        var (from, _) = await BuildAsync(Medium.Files);
        string folder = Directory.CreateDirectory(Path.Combine(_stores.Folder, "full")).FullName;
        var full = await Assert.ThrowsAsync<SpadeException>(() =>
            Snapshot.ExportAsync(from, "bolt", Path.Combine(folder, "bolt.tar"), reserve: long.MaxValue / 2));
        Assert.Equal((SpadeError.ResourceExhausted, true), (full.Error, full.StorageFull));
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder));
    }

    [Theory, MemberData(nameof(Media))]
    public async Task A_category_moves_from_any_store_to_any_other(Medium medium)
    {
        var (from, service) = await BuildAsync(medium);
        string file = Path.Combine(_stores.Folder, "bolt.tar");
        var seen = new List<(int Done, int Total)>();
        var progress = new InlineProgress<(int Done, int Total)>(seen.Add);
        Assert.Equal((3, 4), await Snapshot.ExportAsync(from, "bolt", file, progress));
        Assert.Equal([(1, 4), (2, 4), (3, 4), (4, 4)], seen);
        foreach (var target in PostgresCluster.Missing is null ? new[] { Medium.Files, Medium.Postgres } : [Medium.Files])
        {
            var to = _stores.New(target);
            seen.Clear();
            var imported = await Snapshot.ImportAsync(to, file, progress: progress);
            Assert.Equal(3, imported.Version);
            Assert.Equal([(1, 4), (2, 4), (3, 4), (4, 4)], seen);
            Assert.Empty(await Stores.Service(to).VerifyAsync("bolt"));
            Assert.Equal(await service.HistoryAsync("bolt"), await Stores.Service(to).HistoryAsync("bolt"));
            Assert.Equal(await Stores.ScoresAsync(from, "bolt", 1, 70), await Stores.ScoresAsync(to, "bolt", 1, 70));
            // The same bytes again, and the category can be changed further.
            string again = Path.Combine(_stores.Folder, $"again-{target}.tar");
            await Snapshot.ExportAsync(to, "bolt", again);
            Assert.Equal(File.ReadAllBytes(file), File.ReadAllBytes(again));
            Assert.Equal(4, (await Stores.Service(to).AddAsync("bolt", Stores.Images(9)))!.Version);
            Assert.Equal(SpadeError.FailedPrecondition,
                (await Assert.ThrowsAsync<SpadeException>(() => Snapshot.ImportAsync(to, file))).Error);
        }
    }

    [Fact]
    public async Task A_compacted_categorys_snapshot_keeps_its_numbers()
    {
        var (from, service) = await BuildAsync(Medium.Files);
        await service.CompactAsync("bolt", new Retention(1));
        string file = Path.Combine(_stores.Folder, "bolt.tar");
        Assert.Equal((1, 4), await Snapshot.ExportAsync(from, "bolt", file));
        Assert.Equal(3, (await Snapshot.ImportAsync(_stores.New(Medium.Files), file)).Version);
    }

    [Theory, MemberData(nameof(Media))]
    public async Task A_damaged_snapshot_leaves_nothing_behind(Medium medium)
    {
        var (from, _) = await BuildAsync(Medium.Files);
        string file = Path.Combine(_stores.Folder, "bolt.tar"), damaged = Path.Combine(_stores.Folder, "damaged.tar");
        await Snapshot.ExportAsync(from, "bolt", file);
        var whole = File.ReadAllBytes(file);
        var to = _stores.New(medium);
        var random = new Random(5);
        int rejected = 0;
        for (int i = 0; i < 24; i++)
        {
            var bytes = (byte[])whole.Clone();
            if (i % 3 == 0) bytes = bytes[..random.Next(bytes.Length - 2048)];
            else bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
            File.WriteAllBytes(damaged, bytes);
            try
            {
                await Snapshot.ImportAsync(to, damaged);
                // A flipped bit in the tar's padding or times changes no data.
                Assert.Empty(await Stores.Service(to).VerifyAsync("bolt"));
                Assert.Equal(await Stores.ScoresAsync(from, "bolt", 70), await Stores.ScoresAsync(to, "bolt", 70));
                to = _stores.New(medium);
            }
            catch (SpadeException e)
            {
                rejected++;
                Assert.True(e.Error is SpadeError.DataLoss or SpadeError.InvalidArgument or SpadeError.FailedPrecondition, e.Message);
                Assert.Contains(damaged, e.Message);
                Assert.Null(await to.ReadCurrentVersionAsync("bolt"));
                Assert.Empty(await to.ListCategoriesAsync());
            }
        }
        Assert.InRange(rejected, 12, 24);
        Assert.Equal(3, (await Snapshot.ImportAsync(to, file)).Version);
        Assert.Empty(await Stores.Service(to).VerifyAsync("bolt"));
    }

    [Theory, MemberData(nameof(Media))]
    public async Task An_import_that_fails_after_it_was_published_keeps_the_category(Medium medium)
    {
        var (from, _) = await BuildAsync(Medium.Files);
        string file = Path.Combine(_stores.Folder, "bolt.tar");
        await Snapshot.ExportAsync(from, "bolt", file);
        int steps = 0;
        FaultPoint.Reached = _ => steps++;
        try
        {
            await Snapshot.ImportAsync(_stores.New(medium), file);
            int last = steps;
            steps = 0;
            FaultPoint.Reached = _ => { if (++steps == last) throw new InvalidOperationException("the answer is lost"); };
            var to = _stores.New(medium);
            await Assert.ThrowsAsync<InvalidOperationException>(() => Snapshot.ImportAsync(to, file));
            Assert.Equal(3, await to.ReadCurrentVersionAsync("bolt"));
            Assert.Empty(await Stores.Service(to).VerifyAsync("bolt"));
        }
        finally
        {
            FaultPoint.Reached = null;
        }
    }

    [Fact]
    public async Task A_damaged_category_is_not_exported_over_a_good_snapshot()
    {
        var (from, _) = await BuildAsync(Medium.Files);
        string file = Path.Combine(_stores.Folder, "bolt.tar");
        await Snapshot.ExportAsync(from, "bolt", file);
        var before = File.ReadAllBytes(file);
        string segment = Directory.EnumerateFiles(((Storage.Files.FileGalleryStore)from).Root, "*.spade", SearchOption.AllDirectories)
            .First();
        var bytes = File.ReadAllBytes(segment);
        bytes[^1] ^= 1;
        File.WriteAllBytes(segment, bytes);
        Assert.Contains(segment, (await Assert.ThrowsAsync<SpadeException>(() => Snapshot.ExportAsync(from, "bolt", file))).Message);
        Assert.Equal(before, File.ReadAllBytes(file));
        Assert.Equal(SpadeError.NotFound, (await Assert.ThrowsAsync<SpadeException>(() => Snapshot.ExportAsync(from, "nut", file))).Error);
        Assert.Equal(SpadeError.NotFound, (await Assert.ThrowsAsync<SpadeException>(() => Snapshot.ImportAsync(from, file + ".no"))).Error);
        Assert.Equal(SpadeError.InvalidArgument,
            (await Assert.ThrowsAsync<SpadeException>(() => Snapshot.ImportAsync(from, WriteText("hello")))).Error);

        string WriteText(string text)
        {
            string path = Path.Combine(_stores.Folder, "text.tar");
            File.WriteAllText(path, text.PadRight(2000));
            return path;
        }
    }

    private async Task<(GalleryStore Store, GalleryService Service)> BuildAsync(Medium medium)
    {
        var store = _stores.New(medium);
        var service = Stores.Service(store);
        await service.AddAsync("bolt", Stores.Images(1, 2));
        await service.AddAsync("bolt", Stores.Images(3, 4));
        await service.CalibrateAsync("bolt", new ScoringOptions());
        return (store, service);
    }
}
