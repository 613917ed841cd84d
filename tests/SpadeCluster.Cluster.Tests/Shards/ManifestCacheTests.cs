using SpadeCluster.Cluster.Shards;
using SpadeCluster.Cluster.Tests.Support;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;
using SpadeCluster.Tests;

namespace SpadeCluster.Cluster.Tests.Shards;

public sealed class ManifestCacheTests
{
    private const int Half = (int)(ManifestCache.MaxBytes / 2);

    private readonly ManualClock _clock = new();
    private readonly List<string> _read = [];

    [Fact]
    public async Task Manifests_that_nobody_uses_take_a_bounded_amount_and_those_in_use_stay()
    {
        var cache = Cache(Half);
        foreach (string c in new[] { "a", "b", "c", "a", "b", "c" }) await GetAsync(cache, c, 1);
        Assert.Equal(["a 1", "b 1", "c 1"], _read);
        _clock.Advance(TimeSpan.FromMinutes(11));
        foreach (string c in new[] { "b", "c", "d" }) await GetAsync(cache, c, 1);
        // All but a are in use, although they are too large together.
        foreach (string c in new[] { "b", "c", "d", "a" }) await GetAsync(cache, c, 1);
        Assert.Equal(["a 1", "b 1", "c 1", "d 1", "a 1"], _read);
    }

    [Fact]
    public async Task Small_ones_stay_without_use_and_a_category_has_three_versions()
    {
        var cache = Cache(100);
        foreach (int version in new[] { 1, 2, 3 }) await GetAsync(cache, "a", version);
        _clock.Advance(TimeSpan.FromHours(9));
        await GetAsync(cache, "b", 1);
        foreach (int version in new[] { 1, 2, 3, 4, 3, 2 }) await GetAsync(cache, "a", version);
        Assert.Equal(["a 1", "a 2", "a 3", "b 1", "a 4"], _read);
        await GetAsync(cache, "a", 1);
        Assert.Equal("a 1", _read[^1]);
    }

    private async Task GetAsync(ManifestCache cache, string category, int version)
    {
        _clock.Advance(TimeSpan.FromTicks(1));
        await cache.GetAsync(category, version);
    }

    private ManifestCache Cache(int bytes) => new((category, version, _) =>
    {
        _read.Add($"{category} {version}");
        return ValueTask.FromResult(Manifest(category, version, bytes));
    }, _clock);

    private static GalleryManifest Manifest(string category, int version, int bytes) => new()
    {
        Category = category,
        Version = version,
        CreatedAt = DateTimeOffset.UnixEpoch,
        CreatedBy = "ann",
        Reason = "add",
        Model = SyntheticEngine.Tiny,
        Preprocessing = "",
        Images = [],
        Calibration = new Calibration
        {
            Options = ScoringOptions.DefaultFor(3),
            Tau = 1,
            Theta = 1,
            Rate = 0.1,
            GateDistances = [],
            Scores = [],
            Usual = new UsualDistances { Height = 1, Width = 1, Images = [], Overall = 1, Local = new byte[bytes] },
        },
    };
}
