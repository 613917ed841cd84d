using SpadeCluster.Galleries;
using SpadeCluster.Storage.Files;
using SpadeCluster.Storage.Snapshots;
using SpadeCluster.Storage.Tests.Support;

namespace SpadeCluster.Storage.Tests;

/// <summary>
/// Galleries written by released formats (Released/format-N, see the README there), which every later program must open,
/// score with the same bits, and be able to change.
/// </summary>
[Collection(StoresCollection.Name)]
public sealed class ReleasedFormatsTests(PostgresCluster postgres) : IDisposable
{
    private readonly Stores _stores = new(postgres);

    public static TheoryData<string> Formats => [.. Directory.EnumerateDirectories(Released).Select(d => Path.GetFileName(d)).Order()];

    private static string Released => Path.Combine(AppContext.BaseDirectory, "Released");

    public void Dispose() => _stores.Dispose();

    [Theory, InlineData("format-1"), InlineData("format-2")]
    public void There_is_a_gallery_of_every_format(string format) =>
        Assert.Contains(format, Directory.EnumerateDirectories(Released).Select(d => Path.GetFileName(d)));

    [Theory, MemberData(nameof(Formats))]
    public async Task A_released_gallery_opens_scores_the_same_and_goes_on(string format)
    {
        string root = _stores.NewLocation(Medium.Files);
        foreach (string file in Directory.EnumerateFiles(Path.Combine(Released, format), "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(root, Path.GetRelativePath(Path.Combine(Released, format), file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
        var store = new FileGalleryStore(root);
        var service = Stores.Service(store);
        Assert.Equal(["bolt"], await store.ListCategoriesAsync());
        Assert.Empty(await service.VerifyAsync("bolt"));
        var history = await service.HistoryAsync("bolt");
        Assert.Equal(["add 3 images", "retire 2.png: stray"], history.Take(2).Select(v => v.Reason));
        Assert.Equal([false, false, true], history.Select(v => v.Calibrated));
        Assert.Equal(24, (await service.GetThumbnailAsync("bolt", ImageId.Of("image 1"u8)))!.Length);
        string expected = File.ReadAllText(Path.Combine(Released, format, "scores.txt"));
        Assert.Equal(expected, await ScoresTextAsync(store));

        var imported = new FileGalleryStore(_stores.NewLocation(Medium.Files));
        await Snapshot.ImportAsync(imported, Path.Combine(Released, format, "bolt.tar"));
        Assert.Equal(expected, await ScoresTextAsync(imported));

        Assert.Equal(4, (await service.AddAsync("bolt", Stores.Images(8)))!.Version);
        Assert.Equal(3, (await service.RestoreAsync("bolt", ["2.png"], "it was none")).Images.Count - 1);
        Assert.Empty(await service.VerifyAsync("bolt"));
    }

    /// <summary>Writes such a gallery: run once per released format, with SPADE_WRITE_FORMAT naming the new folder.</summary>
    [Fact]
    public async Task Write()
    {
        if (Environment.GetEnvironmentVariable("SPADE_WRITE_FORMAT") is not { Length: > 0 } folder) return;
        var store = new FileGalleryStore(folder);
        var service = Stores.Service(store);
        await service.AddAsync("bolt", Stores.Images(1, 2, 3));
        await service.RetireAsync("bolt", ["2.png"], "stray");
        await service.CalibrateAsync("bolt", Scoring.ScoringOptions.DefaultFor(2));
        await store.SetCompressionAsync("bolt", compressed: true);
        await Snapshot.ExportAsync(store, "bolt", Path.Combine(folder, "bolt.tar"));
        File.WriteAllText(Path.Combine(folder, "scores.txt"), await ScoresTextAsync(store));
        Directory.Delete(Path.Combine(folder, "bolt", "tmp"));
        File.Delete(Path.Combine(folder, "bolt", "LOCK"));
    }

    /// <summary>Scores as bits. 1.png is one of the normals; the other images are not.</summary>
    private static async Task<string> ScoresTextAsync(IGalleryStore store)
        => string.Concat((await Stores.ScoresAsync(store, "bolt", 1, 70, 71)).Select(s => $"{BitConverter.DoubleToInt64Bits(s):x16}\n"));
}
