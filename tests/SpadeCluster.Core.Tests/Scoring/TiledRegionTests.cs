using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Neighbors;
using SpadeCluster.Scoring;

namespace SpadeCluster.Core.Tests.Scoring;

/// <summary>A region of interest on photographs in tiles: each tile has its part of the mask.</summary>
public class TiledRegionTests
{
    /// <summary>Columns of the photograph that are inspected: some tiles lie inside, some outside, some on the edge.</summary>
    private const int Inside = 10;

    public static TheoryData<string, bool, Fusion> Methods => new()
    {
        { "stretch 8x8 tiles 4x2 overlap 4", true, Fusion.Concatenated },
        { "stretch 8x8 tiles 4x2 overlap 4 and whole", true, Fusion.Concatenated },
        { "stretch 8x8 tiles 4x2 overlap 4 and whole", false, Fusion.PerLevel },
    };

    [Theory]
    [MemberData(nameof(Methods))]
    public async Task What_is_outside_changes_no_bit_for_any_shards_and_threads(string description, bool normalised, Fusion fusion)
    {
        var (engine, store) = (new TiledEngine(description), new InMemoryGalleryStore());
        var options = ScoringOptions.Default with { Sigma = 0.5, Normalised = normalised, Fusion = fusion };
        var manifest = await BuildAsync(engine, store, options);
        var expected = await ScoreAsync(engine, store, manifest, engine.Photograph(500), 1, 1);
        Assert.Equal(Verdict.Good, expected.Verdict);
        byte[] outside = Spot(engine.Photograph(500), 15, 8), both = Spot([.. outside], 3, 8);
        foreach (int shards in new[] { 1, 3, 8 })
            foreach (int threads in new[] { 1, 2 })
            {
                using var gallery = await OpenGallery.LoadAsync(store, manifest, shards, threads);
                var again = await Calibrator.RunAsync(store, gallery, options);
                Assert.Equal(manifest.Calibration!.Scores, again.Scores);
                Assert.Equal((manifest.Calibration.Theta, manifest.Calibration.MapScale), (again.Theta, again.MapScale));
                var same = await ScoreAsync(engine, store, manifest, outside, shards, threads);
                Assert.Equal(expected.Map!.Values, same.Map!.Values);
                Assert.Equal(expected.Score, same.Score);
                Assert.Equal(expected.EvidenceAt(3, 7), same.EvidenceAt(3, 7));
                Assert.Null(same.EvidenceAt(15, 8));
                var defect = await ScoreAsync(engine, store, manifest, both, shards, threads);
                Assert.Equal(Verdict.Defect, defect.Verdict);
                Assert.All(defect.Regions, r => Assert.True(r.X + r.Width <= Inside));
                for (int i = 0; i < defect.Map!.Values.Length; i++) Assert.Equal(i % 20 < Inside, defect.Map.Values[i] > 0);
            }
    }

    [Fact]
    public async Task All_of_the_photograph_as_region_gives_the_scores_of_none()
    {
        var (engine, store) = (new TiledEngine("stretch 8x8 tiles 4x2 overlap 4 and whole"), new InMemoryGalleryStore());
        var options = ScoringOptions.Default with { Sigma = 0.5 };
        var manifest = await BuildAsync(engine, store, options, 20);
        var whole = manifest with { Region = null, Calibration = null };
        using var gallery = await OpenGallery.LoadAsync(store, whole);
        Assert.Equal((await Calibrator.RunAsync(store, gallery, options with { TileReach = 0 })).Scores, manifest.Calibration!.Scores);
    }

    private static async Task<GalleryManifest> BuildAsync(TiledEngine engine, InMemoryGalleryStore store, ScoringOptions options,
        int inside = Inside)
    {
        var service = new GalleryService(store, engine, "test");
        await service.AddAsync("c", [.. Enumerable.Range(0, 12).Select(engine.Source)]);
        var mask = new byte[engine.Grid.Width * engine.Grid.Height + 4];
        for (int i = 0; i < mask.Length - 4; i++) mask[i] = (byte)(i % engine.Grid.Width < inside ? 255 : 0);
        var set = await service.SetRegionAsync("c", new ImageSource("left.png", mask), "the belt");
        Assert.Equal(engine.Grid.Count * 16, set.Region!.CellMask.Length);
        return await service.CalibrateAsync("c", options);
    }

    private static async Task<ScoreResult> ScoreAsync(TiledEngine engine, InMemoryGalleryStore store, GalleryManifest manifest, byte[] file,
        int shards, int threads)
    {
        using var gallery = await OpenGallery.LoadAsync(store, manifest, shards, threads);
        var query = new QueryImage(ImageId.Of(file), await TileFeatures.ExtractAsync(engine, engine.Prepare(file, "")),
            engine.Grid.Frame(20, 12));
        return await gallery.Coordinator.ScoreAsync(query, manifest.Calibration!.Options, manifest.Calibration);
    }

    /// <summary>A bright spot of 3x3 pixels around a pixel.</summary>
    private static byte[] Spot(byte[] file, int cx, int cy)
    {
        for (int y = cy - 1; y <= cy + 1; y++)
            for (int x = cx - 1; x <= cx + 1; x++) file[20 * y + x] = 255;
        return file;
    }
}
