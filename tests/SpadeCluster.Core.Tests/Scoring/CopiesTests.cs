using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;

namespace SpadeCluster.Core.Tests.Scoring;

/// <summary>Turned copies of normals: rows of their photograph, never photographs of their own.</summary>
public class CopiesTests
{
    private const string Tiled = "stretch 8x8 tiles 4x2 overlap 4 and whole copies mirror,half-turn";

    private static readonly ScoringOptions Options = ScoringOptions.Default with { Sigma = 0.5 };

    private readonly TiledEngine _engine = new(Tiled);
    private readonly InMemoryGalleryStore _store = new();

    [Theory]
    [InlineData("mirror", Copies.Mirror), InlineData("mirror,quarter-turns", Copies.Mirror | Copies.QuarterTurns)]
    [InlineData("none", Copies.None)]
    public void Names_are_read_as_they_are_written(string names, Copies copies)
    {
        Assert.Equal(copies, CopyExtensions.Parse(names));
        Assert.Equal(names, copies.Text());
        Assert.Equal(copies, CopyExtensions.ParseFrom(copies.AppliedTo("stretch 8x8 copies flip")));
        Assert.Contains("'sideways'", Assert.Throws<SpadeException>(() => CopyExtensions.Parse("mirror,sideways")).Message,
            StringComparison.Ordinal);
    }

    /// <summary>A picture of 3x3 pixels, 0 to 8 row by row.</summary>
    [Theory]
    [InlineData(Orientation.Original, "012345678"), InlineData(Orientation.Mirrored, "210543876")]
    [InlineData(Orientation.Flipped, "678345012"), InlineData(Orientation.Rotated180, "876543210")]
    [InlineData(Orientation.Rotated90, "630741852"), InlineData(Orientation.Rotated270, "258147036")]
    public void A_copy_has_the_pixels_of_its_photograph(Orientation orientation, string expected)
    {
        var picture = new RgbImage(3, 3, [.. Enumerable.Range(0, 27).Select(i => (byte)(i / 3))]);
        Assert.Equal(expected, string.Concat(orientation.Of(picture).Pixels.Where((_, i) => i % 3 == 2)));
    }

    [Theory]
    [InlineData("stretch 8x8 tiles 4x2 overlap 4 copies quarter-turns"), InlineData("letterbox 8x8 copies quarter-turns")]
    public void Quarter_turns_that_do_not_fit_are_refused(string description)
        => Assert.Contains("quarter-turns", Assert.Throws<SpadeException>(() => TileGrid.Of(_engine.Model, description)).Message,
            StringComparison.Ordinal);

    [Fact]
    public async Task A_mirrored_part_is_normal_and_its_evidence_is_on_the_photograph()
    {
        // Without the whole photograph, whose reduction in this test is not symmetric.
        var engine = new TiledEngine("stretch 8x8 tiles 4x2 overlap 4 copies mirror");
        var service = new GalleryService(_store, engine, "test");
        await service.AddAsync("c", [.. Enumerable.Range(0, 12).Select(engine.Source)]);
        var manifest = await service.CalibrateAsync("c", Options);
        Assert.Equal((12, 12 * 8 * 2), (manifest.Images.Count, GalleryTiles.Of(manifest).Ids.Count));
        Assert.Equal("add 12 images and copies (mirror)", (await service.HistoryAsync("c"))[0].Reason);

        byte[] normal = engine.Photograph(3), mirrored = Mirrored(normal);
        using var gallery = await OpenGallery.LoadAsync(_store, manifest);
        var result = await gallery.Coordinator.ScoreAsync(await QueryAsync(mirrored, engine), Options with { TileReach = 0 }, null);
        Assert.Equal(0, result.Map!.Max);
        // Pixel (2, 3) of the mirrored photograph is pixel (17, 3) of the photograph.
        var evidence = result.EvidenceAt(2, 3)!;
        Assert.Equal((ImageId.Of(normal), Orientation.Mirrored), (evidence.Image, evidence.Orientation));
        Assert.InRange(evidence.X, 16, 19);
        Assert.InRange(evidence.Y, 2, 4);
        Assert.Equal(Orientation.Mirrored, result.Neighbours[0].Orientation);
        Assert.Equal(result.Neighbours.Count, result.Neighbours.Select(n => n.Id).Distinct().Count());
    }

    /// <summary>Left out is the photograph with its copies: of parts that look the same when mirrored, a copy that stayed would be found at
    /// distance 0.</summary>
    [Fact]
    public async Task Calibration_leaves_out_a_photograph_and_its_copies()
    {
        var service = Service();
        var sources = Enumerable.Range(0, 12).Select(i => Symmetric(_engine.Photograph(i)))
            .Select((file, i) => new ImageSource($"{i}.png", file)).ToArray();
        await service.AddAsync("c", sources);
        var manifest = await service.CalibrateAsync("c", Options with { GateNeighbours = 1 });
        Assert.Equal(12, manifest.Calibration!.Scores.Count);
        Assert.All(manifest.Calibration.GateDistances, d => Assert.True(d > 0));
        Assert.All(manifest.Calibration.Scores, s => Assert.True(s > 0));
        using var gallery = await OpenGallery.LoadAsync(_store, manifest);
        var id = manifest.Images[0].Id;
        var query = await QueryAsync(await sources.Single(s => ImageId.Of(s.ReadAsync(default).AsTask().Result) == id).ReadAsync(default));
        // As many neighbours as there are: all of the photographs left.
        var without = await gallery.Coordinator.ScoreAsync(query, Options with { GateNeighbours = 11, TileReach = 0 }, null, exclude: id);
        Assert.DoesNotContain(id, without.Neighbours.Select(n => n.Id));
        Assert.All(without.Tiles.SelectMany(t => t.Found), f => Assert.NotEqual(id, f.Photograph));
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task The_same_bits_for_any_shards_and_threads(bool normalised)
    {
        var manifest = await BuildAsync();
        byte[] file = Mirrored(_engine.Photograph(500));
        for (int i = 45; i < 48; i++) file[i] = 255;
        var query = await QueryAsync(file);
        var options = Options with { Normalised = normalised };
        ScoreResult? expected = null;
        Calibration? learned = null;
        foreach (int shards in new[] { 1, 3, 8 })
            foreach (int threads in new[] { 1, 2 })
            {
                using var gallery = await OpenGallery.LoadAsync(_store, manifest, shards, threads);
                var calibration = await Calibrator.RunAsync(_store, gallery, options);
                var actual = await gallery.Coordinator.ScoreAsync(query, calibration.Options, calibration);
                (expected, learned) = (expected ?? actual, learned ?? calibration);
                Assert.Equal(learned.Scores, calibration.Scores);
                Assert.Equal((learned.Theta, learned.MapScale), (calibration.Theta, calibration.MapScale));
                Assert.Equal(expected.Map!.Values, actual.Map!.Values);
                Assert.Equal((expected.Score, expected.GateDistance), (actual.Score, actual.GateDistance));
                Assert.Equal(expected.EvidenceAt(6, 2), actual.EvidenceAt(6, 2));
            }
    }

    /// <summary>The usual distance of a copy's pixel is that of the photograph's pixel which it shows: otherwise the evidence and the scale
    /// would be of another position.</summary>
    [Fact]
    public void A_copy_has_the_usual_distances_of_its_photograph()
    {
        var grid = TileGrid.Of(_engine.Model, "stretch 8x8 tiles 2x1 overlap 0 copies mirror");
        var id = new ImageId(7);
        float[][] distances = [[.. Enumerable.Range(1, 16).Select(i => (float)i)], [.. Enumerable.Range(17, 16).Select(i => (float)i)]];
        var usual = UsualDistances.From(4, 4, [id], distances);
        foreach (int tile in new[] { 0, 1 })
            for (int cell = 0; cell < 16; cell++)
            {
                // The copy's cell, and where it is on the photograph: the other tile, the column from the other side.
                int shown = cell / 4 * 4 + 3 - cell % 4;
                Assert.Equal(Map(1 - tile, shown, Orientation.Original), Map(tile, cell, Orientation.Mirrored));
            }

        float Map(int tile, int cell, Orientation orientation)
        {
            var matches = new SpadeCluster.Neighbors.PixelMatches(4, 4, 1);
            for (int c = 0; c < 16; c++) matches.Offer(c, 5, 0, cell);
            return usual.Normalise(matches, [new GalleryTile(id, tile, orientation)], 0, grid, null).Map[0];
        }
    }

    [Fact]
    public async Task Retiring_a_photograph_retires_its_copies_and_others_are_refused()
    {
        var manifest = await BuildAsync();
        var service = Service();
        var refused = await Assert.ThrowsAsync<SpadeException>(async () =>
            await service.AddAsync("c", [_engine.Source(77)], asNew: new NewCategory(Copies: Copies.Flip)));
        Assert.Equal(SpadeError.FailedPrecondition, refused.Error);
        Assert.Contains("copies: mirror,half-turn; not flip", refused.Message, StringComparison.Ordinal);
        refused = await Assert.ThrowsAsync<SpadeException>(async () =>
            await service.SetRegionAsync("c", new ImageSource("mask.png", _engine.Photograph(1)), "the belt"));
        Assert.Contains("category without copies", refused.Message, StringComparison.Ordinal);

        var next = await service.RetireAsync("c", [manifest.Images[0].Id.ToString()], "blurred");
        Assert.Equal(11 * 9 * 3, GalleryTiles.Of(next).Ids.Count);
        await service.CalibrateAsync("c", Options);
        Assert.Equal(9 * 3, (await service.CompactAsync("c", new Retention(Versions: 1))).Images);
        Assert.Empty(await service.VerifyAsync("c"));
    }

    private GalleryService Service() => new(_store, _engine, "test");

    private async Task<GalleryManifest> BuildAsync()
    {
        await Service().AddAsync("c", [.. Enumerable.Range(0, 12).Select(_engine.Source)]);
        return await Service().CalibrateAsync("c", Options);
    }

    private Task<QueryImage> QueryAsync(byte[] file) => QueryAsync(file, _engine);

    private static async Task<QueryImage> QueryAsync(byte[] file, TiledEngine engine)
        => new(ImageId.Of(file), await TileFeatures.ExtractAsync(engine, engine.Prepare(file, "")), engine.Grid.Frame(20, 12));

    private static byte[] Mirrored(byte[] file)
    {
        byte[] mirrored = [.. file];
        for (int i = 0; i < 240; i++) mirrored[i] = file[i / 20 * 20 + 19 - i % 20];
        return mirrored;
    }

    /// <summary>A part that looks the same when mirrored.</summary>
    private static byte[] Symmetric(byte[] file)
    {
        for (int i = 0; i < 240; i++)
            if (i % 20 >= 10) file[i] = file[i / 20 * 20 + 19 - i % 20];
        return file;
    }
}
