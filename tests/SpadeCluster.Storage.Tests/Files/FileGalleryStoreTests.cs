using SpadeCluster.Galleries;
using SpadeCluster.Storage.Files;
using SpadeCluster.Storage.Tests.Support;

namespace SpadeCluster.Storage.Tests.Files;

[Collection(StoresCollection.Name)]
public sealed class FileGalleryStoreTests(PostgresCluster postgres) : IDisposable
{
    private readonly Stores _stores = new(postgres);

    public void Dispose() => _stores.Dispose();

    [Fact]
    public async Task Each_file_is_durable_before_the_next_one_names_it()
    {
        var store = new FileGalleryStore(_stores.NewLocation(Medium.Files));
        var steps = new List<string>();
        FaultPoint.Reached = steps.Add;
        try
        {
            await Stores.Service(store).AddAsync("c", Stores.Images(1, 2));
        }
        finally
        {
            FaultPoint.Reached = null;
        }
        string[] files = [.. steps.Where(s => s.StartsWith("created /", StringComparison.Ordinal)).Select(s => s["created ".Length..])];
        Assert.Equal([".spade", ".spade", "FRONTS", ".json", "CURRENT"],
            files.Select(f => Path.GetExtension(f) is { Length: > 0 } extension ? extension : Path.GetFileName(f)));
        // One after the other, each through all its steps; folders are made, and their names flushed, before files in them.
        Assert.Equal(files.SelectMany(f => new[] { $"created {f}", $"wrote {f}", $"flushed {f}", $"renamed {f}", $"made durable {f}" }),
            steps.Where(s => !s.StartsWith("created folder", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("wrote")]
    [InlineData("flushed")]
    [InlineData("renamed")]
    public async Task A_failure_at_any_step_leaves_the_version_before(string step)
    {
        var store = new FileGalleryStore(_stores.NewLocation(Medium.Files));
        var service = Stores.Service(store);
        await service.AddAsync("c", Stores.Images(1));
        foreach (string file in new[] { ".spade", "FRONTS", ".json", "CURRENT" })
        {
            FaultPoint.Reached = reached =>
            {
                if (reached.StartsWith(step, StringComparison.Ordinal) && reached.EndsWith(file, StringComparison.Ordinal))
                    throw new IOException("no space left", 28);
            };
            try
            {
                var e = await Assert.ThrowsAsync<SpadeException>(async () => await service.AddAsync("c", Stores.Images(2)));
                Assert.Equal(SpadeError.ResourceExhausted, e.Error);
                Assert.Contains("the disk is full", e.Message);
            }
            finally
            {
                FaultPoint.Reached = null;
            }
            Assert.Empty(await service.VerifyAsync("c"));
            // Renamed but not flushed, the pointer may name either version: both are whole.
            int version = (await service.GetAsync("c")).Version;
            Assert.True(version == 1 || (step, file) == ("renamed", "CURRENT"), $"version {version} after a failure when {step} {file}");
            Assert.Empty(Directory.EnumerateFiles(Path.Combine(store.Root, "c", "tmp")));
        }
    }

    [Fact]
    public async Task A_killed_writers_left_overs_are_removed_by_the_next_one()
    {
        var store = new FileGalleryStore(_stores.NewLocation(Medium.Files));
        var service = Stores.Service(store);
        await service.AddAsync("c", Stores.Images(1));
        string temporary = Path.Combine(store.Root, "c", "tmp", "0000000000000001.spade");
        File.WriteAllText(temporary, "half");
        await service.AddAsync("c", Stores.Images(2));
        Assert.False(File.Exists(temporary));
    }

    [Fact]
    public async Task More_than_fits_is_refused_before_anything_is_written()
    {
        var store = new FileGalleryStore(_stores.NewLocation(Medium.Files));
        var huge = SpadeCluster.Tests.SyntheticEngine.Tiny with { Levels = [new(16384, 16384, 1), new(2, 2, 10)] };
        // Half a gigabyte an image; more images than any disk holds.
        var images = Enumerable.Repeat(Stores.Image(1), 1_000_000).ToArray();
        var service = new GalleryService(store, new Predicting(huge), "ann");
        var e = await Assert.ThrowsAsync<SpadeException>(async () => await service.AddAsync("c", images));
        Assert.Equal((SpadeError.ResourceExhausted, true), (e.Error, e.StorageFull));
        Assert.Contains("nothing was added", e.Message);
        Assert.Empty(await store.ListCategoriesAsync());
    }

    /// <summary>An engine of which only the model is used.</summary>
    private sealed class Predicting(SpadeCluster.Features.FeatureModel model) : SpadeCluster.Features.IFeatureEngines
    {
        public SpadeCluster.Features.FeatureEngine Default => new SpadeCluster.Tests.SyntheticEngine(model).Default;
        public SpadeCluster.Features.FeatureEngine For(SpadeCluster.Features.FeatureModel model, string preprocessing) => Default;
    }
}
