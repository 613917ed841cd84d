using SpadeCluster.Cluster.Tests.Support;
using SpadeCluster.Galleries;
using SpadeCluster.Neighbors;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cluster.Tests.Scoring;

/// <summary>The cluster gives the same bits as one process, however many shards.</summary>
[Collection("silos")]
public sealed class ParityTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(8)]
    [InlineData(16)]
    public async Task Same_bits_as_standalone(int shards)
    {
        var store = new InMemoryGalleryStore();
        var engines = new FakeEngines(new FakeExtractor());
        var galleries = new GalleryService(store, engines, "test");
        await galleries.AddAsync("plate", Photos.Normals(20));
        var calibrated = await galleries.CalibrateAsync("plate", new ScoringOptions { GalleryNeighbours = 7, Alpha = 0.1 });
        await store.PublishAsync(calibrated with { Version = calibrated.Version + 1, Shards = shards });
        await using var silos = await TestSilos.StartAsync(store, TestSilos.ThreeSilos);

        int localised = 0, gated = 0;
        foreach (var fusion in Enum.GetValues<Fusion>())
            foreach (var policy in Enum.GetValues<GatePolicy>())
            {
                // With the calibration's own settings the gate has a tau; for the other fusion the gallery is calibrated first.
                var options = calibrated.Calibration!.Options with
                {
                    Fusion = fusion,
                    GatePolicy = policy,
                    AuditShare = 0.5,
                    Kappa = fusion == Fusion.PerLevel ? 2 : 1
                };
                var current = (await store.ReadCurrentAsync("plate"))!;
                // Learned by the cluster; every field is compared with one process.
                var recalibrated = (await silos.Galleries.CalibrateAsync("plate", options))!;
                Assert.Equal(shards, recalibrated.Shards);
                Assert.Equal(current.Version + 1, recalibrated.Version);
                var standalone = new ScoringService(store, engines);
                foreach (var photo in Photos.Mixed(6))
                {
                    var expected = await standalone.ScoreAsync("plate", photo);
                    var actual = await silos.Scoring.ScoreAsync("plate", photo);
                    SameBits.Assert(expected, actual);
                    if (actual.Result.Map is null) gated++; else localised++;
                }
            }
        Assert.True(localised > 0 && gated > 0, $"the cases should cover both paths, but {localised} were localised and {gated} were not");
    }

    /// <summary>The cluster extracts and searches a photograph's tiles, and learns from them.</summary>
    [Theory]
    [InlineData(1, GatePolicy.Always)]
    [InlineData(3, GatePolicy.Gate)]
    [InlineData(8, GatePolicy.Always)]
    [InlineData(16, GatePolicy.Always)]
    public async Task Same_bits_as_standalone_in_tiles(int shards, GatePolicy policy)
    {
        var store = new InMemoryGalleryStore();
        var engines = new FakeEngines(new FakeExtractor(), "stretch 16x16 tiles 3x2 overlap 8 and whole");
        var added = (await new GalleryService(store, engines, "test").AddAsync("plate", Photos.Normals(12)))!;
        await store.PublishAsync(added with { Version = added.Version + 1, Shards = shards });
        await using var silos = await TestSilos.StartAsync(store, TestSilos.ThreeSilos);
        await silos.Galleries.CalibrateAsync("plate", ScoringOptions.Default with { GatePolicy = policy });
        // Feedback adds normals to a gallery in tiles as to any other.
        var more = await silos.Galleries.AddAsync("plate", Photos.Normals(13));
        Assert.Equal(13 * 7, GalleryTiles.Of(more!).Ids.Count);
        await silos.Galleries.CalibrateAsync("plate", ScoringOptions.Default with { GatePolicy = policy });

        var standalone = new ScoringService(store, engines);
        foreach (var photo in Photos.Mixed(4))
            SameBits.Assert(await standalone.ScoreAsync("plate", photo), await silos.Scoring.ScoreAsync("plate", photo));
    }
}
