using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;

namespace SpadeCluster.Core.Tests.Scoring;

public class TiledScoringTests
{
    private static readonly ScoringOptions Options = ScoringOptions.Default with { Sigma = 0.5 };

    private readonly TiledEngine _engine = new();
    private readonly InMemoryGalleryStore _store = new();

    [Fact]
    public async Task The_same_bits_for_any_number_of_shards()
    {
        var manifest = await BuildAsync();
        var query = await QueryAsync(Damaged(13, 2));
        ScoreResult? expected = null;
        foreach (int shards in new[] { 1, 3, 8 })
        {
            using var gallery = await OpenGallery.LoadAsync(_store, manifest, shards);
            var actual = await gallery.Coordinator.ScoreAsync(query, manifest.Calibration!.Options, manifest.Calibration);
            expected ??= actual;
            Assert.Equal(expected.Map!.Values, actual.Map!.Values);
            Assert.Equal((expected.Score, expected.GateDistance), (actual.Score, actual.GateDistance));
            Assert.Equal(expected.EvidenceAt(5, 5), actual.EvidenceAt(5, 5));
        }
    }

    [Fact]
    public async Task A_defect_is_found_where_it_is_on_the_photograph()
    {
        var manifest = await BuildAsync();
        var grid = _engine.Grid;
        Assert.Equal((20, 12), (grid.Width, grid.Height));
        using var scoring = new ScoringService(_store, new TiledEngine());
        var good = await scoring.ScoreAsync("c", _engine.Source(500));
        var bad = await scoring.ScoreAsync("c", new ImageSource("bad.png", Damaged(14, 8)));
        Assert.Equal((Verdict.Good, Verdict.Defect), (good.Result.Verdict, bad.Result.Verdict));
        Assert.Equal((20, 12), (bad.Result.Map!.Width, bad.Result.Map.Height));
        var region = ImageScore.Of(bad).Regions[0];
        Assert.InRange(region.PeakAt.X, 13, 19);
        Assert.InRange(region.PeakAt.Y, 7, 11.9);
        // The evidence is a photograph of the gallery, and a position on it.
        Assert.Contains(region.Evidence!.ImageId, manifest.Images.Select(i => i.Id.ToString()));
        Assert.InRange(region.Evidence.Input.X, 0, 20);
        Assert.InRange(region.Evidence.Input.Y, 0, 12);
    }

    /// <summary>Left out is the photograph: any tile of it that stayed would find itself at distance 0.</summary>
    [Fact]
    public async Task Calibration_leaves_out_all_tiles_of_a_photograph()
    {
        var manifest = await BuildAsync();
        Assert.Equal(12, manifest.Calibration!.Scores.Count);
        Assert.All(manifest.Calibration.GateDistances, d => Assert.True(d > 0));
        using var gallery = await OpenGallery.LoadAsync(_store, manifest);
        var id = manifest.Images[0].Id;
        var query = await QueryAsync(_engine.Photograph(0));
        var own = ImageId.Of(_engine.Photograph(0));
        var with = await gallery.Coordinator.ScoreAsync(query, Options with { GateNeighbours = 1, TileReach = 0 }, null);
        var without = await gallery.Coordinator.ScoreAsync(query, Options with { GateNeighbours = 1, TileReach = 0 }, null, exclude: own);
        Assert.Equal(0, with.Map!.Max);
        Assert.All(without.Map!.Values, v => Assert.True(v > 0));
        Assert.DoesNotContain(own, without.Neighbours.Select(n => n.Id));
    }

    [Fact]
    public async Task Tiles_of_aligned_parts_are_compared_with_their_own_position()
    {
        var manifest = await BuildAsync();
        Assert.Equal(0, manifest.Calibration!.Options.TileReach);
        // The brightness of another position is a defect at this position.
        using var gallery = await OpenGallery.LoadAsync(_store, manifest);
        var query = await QueryAsync(Moved());
        var here = await gallery.Coordinator.ScoreAsync(query, Options with { TileReach = 0 }, null);
        var anywhere = await gallery.Coordinator.ScoreAsync(query, Options with { TileReach = ScoringOptions.Anywhere }, null);
        Assert.True(here.Map!.Max > 3 * anywhere.Map!.Max, $"{here.Map.Max} here, {anywhere.Map.Max} anywhere");
    }

    [Fact]
    public async Task The_gate_of_a_photograph_is_its_farthest_tile()
    {
        var manifest = await BuildAsync();
        using var gallery = await OpenGallery.LoadAsync(_store, manifest);
        var options = Options with { TileReach = 0 };
        var good = await gallery.Coordinator.ScoreAsync(await QueryAsync(_engine.Photograph(500)), options, null);
        var bad = await gallery.Coordinator.ScoreAsync(await QueryAsync(Damaged(14, 8)), options, null);
        Assert.True(bad.GateDistance > 5 * good.GateDistance);
    }

    [Fact]
    public async Task An_image_in_other_tiles_is_refused()
    {
        var manifest = await BuildAsync();
        using var gallery = await OpenGallery.LoadAsync(_store, manifest);
        var query = await QueryAsync(_engine.Photograph(500));
        var refused = await Assert.ThrowsAsync<SpadeException>(async () =>
            await gallery.Coordinator.ScoreAsync(query with { Tiles = [.. query.Tiles.Skip(1)] }, Options, null));
        Assert.Equal(SpadeError.InvalidArgument, refused.Error);

        var other = new GalleryService(_store, new TiledEngine("stretch 8x8 tiles 2x2 overlap 4"), "test");
        refused = await Assert.ThrowsAsync<SpadeException>(async () => await other.AddAsync("c", [_engine.Source(77)]));
        Assert.Equal(SpadeError.FailedPrecondition, refused.Error);
        Assert.Contains("tiles 4x2", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Retiring_a_photograph_retires_all_its_tiles()
    {
        var manifest = await BuildAsync();
        var service = Service();
        var next = await service.RetireAsync("c", [manifest.Images[0].Id.ToString()], "blurred");
        Assert.Equal(11 * 8, GalleryTiles.Of(next).Ids.Count);
        await service.CalibrateAsync("c", Options);
        var report = await service.CompactAsync("c", new Retention(Versions: 1));
        Assert.Equal(8, report.Images);
    }

    /// <summary>A gallery of whole photographs has the same bytes as before tiles were introduced.</summary>
    [Fact]
    public void The_first_tile_has_the_id_of_its_photograph()
    {
        var id = new ImageId(0x0123456789abcdef);
        Assert.Equal(id, id.Row(0));
        Assert.Equal(400, Enumerable.Range(0, 400).Select(id.Row).Distinct().Count());
    }

    private GalleryService Service() => new(_store, _engine, "test");

    private async Task<GalleryManifest> BuildAsync()
    {
        var service = Service();
        await service.AddAsync("c", [.. Enumerable.Range(0, 12).Select(_engine.Source)]);
        return await service.CalibrateAsync("c", Options);
    }

    private async Task<QueryImage> QueryAsync(byte[] file)
        => new(ImageId.Of(file), await TileFeatures.ExtractAsync(_engine, _engine.Prepare(file, "")), _engine.Grid.Frame(20, 12));

    /// <summary>Dark spots of 3x3 pixels around a pixel.</summary>
    private byte[] Damaged(int cx, int cy)
    {
        var file = _engine.Photograph(600);
        for (int y = cy - 1; y <= cy + 1; y++)
            for (int x = cx - 1; x <= cx + 1; x++) file[20 * y + x] = 255;
        return file;
    }

    /// <summary>The left end of the part looks like its right end.</summary>
    private byte[] Moved()
    {
        var file = _engine.Photograph(601);
        for (int y = 0; y < 12; y++)
            for (int x = 0; x < 8; x++) file[20 * y + x] = file[20 * y + x + 12];
        return file;
    }
}
