using SpadeCluster.Galleries;
using SpadeCluster.Storage.Tests.Support;
using SpadeCluster.Tests;
using Xunit.Abstractions;

namespace SpadeCluster.Storage.Tests;

/// <summary>Readers while a writer publishes and compacts: a version is seen whole or not at all.</summary>
[Collection(StoresCollection.Name)]
public sealed class ReadersTests(PostgresCluster postgres, ITestOutputHelper output) : IDisposable
{
    private readonly Stores _stores = new(postgres);

    public static TheoryData<Medium> Media => Stores.Media();

    public void Dispose() => _stores.Dispose();

    [Theory, MemberData(nameof(Media))]
    public Task Readers_never_see_a_mixed_version(Medium medium) => ReadAsync(medium, 60);

    [Theory, MemberData(nameof(Media)), Trait("Category", "Long")]
    public Task Readers_never_see_a_mixed_version_during_1000_publishes(Medium medium) => ReadAsync(medium, 1000);

    private async Task ReadAsync(Medium medium, int publishes)
    {
        string location = _stores.NewLocation(medium);
        var store = _stores.Open(medium, location);
        var service = Stores.Service(store);
        await service.AddAsync("c", Stores.ImageRange(0, 4));
        // Versions alternate between the four images of one set and the four of another; anything else is a mixture.
        HashSet<string> even = [.. Stores.ImageRange(0, 4).Select(i => i.Name)], odd = [.. Stores.ImageRange(4, 4).Select(i => i.Name)];
        await service.AddAsync("c", Stores.ImageRange(4, 4));
        await service.RetireAsync("c", [.. even], "the odd set");
        int oddVersion = 3;
        await service.RollBackAsync("c", 1, "the even set");
        int evenVersion = 4;

        using var done = new CancellationTokenSource();
        int reads = 0;
        double[][] expected = [.. await Task.WhenAll(new[] { evenVersion, oddVersion }.Select(v => ScoreAsync(store, v)))];
        var readers = Enumerable.Range(0, 3).Select(_ => Task.Run(async () =>
        {
            var mine = _stores.Open(medium, location);
            for (int last = 0; !done.IsCancellationRequested; reads++)
            {
                var m = (await mine.ReadCurrentAsync("c"))!;
                Assert.True(m.Version >= last, $"version {m.Version} after {last}");
                last = m.Version;
                var names = m.Images.Select(i => i.Source).ToHashSet();
                bool isEven = names.SetEquals(even);
                Assert.True(isEven || names.SetEquals(odd), $"version {m.Version} mixes {string.Join(' ', names)}");
                double[] scores;
                try
                {
                    scores = await ScoreAsync(mine, m.Version);
                }
                catch (SpadeException e) when (e.Error == SpadeError.NotFound)
                {
                    continue; // compacted away before it was pinned, which is said and not guessed
                }
                Assert.Equal(expected[isEven ? 0 : 1], scores);
            }
        })).ToArray();

        for (int i = 0; i < publishes; i++)
        {
            int version = i % 2 == 0 ? oddVersion : evenVersion;
            var next = await service.RollBackAsync("c", version, "the other set");
            if (i % 2 == 0) oddVersion = next.Version;
            else evenVersion = next.Version;
            if (i % 7 == 6) await service.CompactAsync("c", new Retention(3));
        }
        done.Cancel();
        await Task.WhenAll(readers).WaitAsync(TimeSpan.FromMinutes(2));
        Assert.True(reads > publishes / 20, $"only {reads} reads");
        Assert.Empty(await service.VerifyAsync("c"));
        output.WriteLine($"{medium}: {publishes} publishes, {reads} readings of whole versions with their scores, none mixed");
    }

    private static async Task<double[]> ScoreAsync(IGalleryStore store, int version)
    {
        using var gallery = await OpenGallery.LoadAsync(store, await store.ReadVersionAsync("c", version), threads: 1);
        var features = new SpadeCluster.Features.ImageFeatures(gallery.Manifest.Model);
        var engine = new SyntheticEngine();
        await engine.ExtractAsync([engine.Prepare("query"u8, "q").Input], [features]);
        var query = new SpadeCluster.Scoring.QueryImage(new ImageId(1), features.Pooled,
            SpadeCluster.Features.FeaturePyramid.From(features));
        var result = await gallery.Coordinator.ScoreAsync(query, SpadeCluster.Scoring.ScoringOptions.DefaultFor(4), null);
        return [result.GateDistance, result.Map!.Score];
    }
}
