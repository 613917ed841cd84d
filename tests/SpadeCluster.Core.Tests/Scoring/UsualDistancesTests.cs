using SpadeCluster.Core.Tests.Galleries;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Neighbors;
using SpadeCluster.Scoring;

namespace SpadeCluster.Core.Tests.Scoring;

public class UsualDistancesTests
{
    private static readonly ScoringOptions Options = ScoringOptions.Default with { Sigma = 1 };

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task Any_number_of_shards_and_threads_gives_the_same_bits(int kappa)
    {
        var random = new Random(21);
        var (store, manifest) = await SyntheticGallery.BuildAsync(random, 17);
        var options = Options with { Kappa = kappa, GalleryNeighbours = 9 };
        var (id, features) = SyntheticGallery.Image(random);
        var query = new QueryImage(id, features.Pooled, FeaturePyramid.From(features));
        Calibration? expected = null;
        ScoreResult? expectedResult = null;
        foreach (var (shards, threads) in new[] { (1, 1), (1, 2), (3, 1), (3, 2), (8, 1), (8, 2) })
        {
            using var gallery = await OpenGallery.LoadAsync(store, manifest, shards, threads);
            var calibration = await Calibrator.RunAsync(store, gallery, options);
            var result = await gallery.Coordinator.ScoreAsync(query, options, calibration);
            (expected, expectedResult) = (expected ?? calibration, expectedResult ?? result);
            Assert.Equal(expected.Usual!.Local, calibration.Usual!.Local);
            Assert.Equal(expected.Scores, calibration.Scores);
            Assert.Equal((expected.Theta, expected.Review, expected.MapScale),
                (calibration.Theta, calibration.Review, calibration.MapScale));
            Assert.Equal(expectedResult.Map!.Values, result.Map!.Values);
            Assert.Equal(expectedResult.Score, result.Score);
        }
    }

    /// <summary>The definition, pixel by pixel, from brute-force distances.</summary>
    [Fact]
    public async Task A_score_is_what_the_definition_says()
    {
        var random = new Random(8);
        var model = SyntheticGallery.Model;
        var (store, manifest) = await SyntheticGallery.BuildAsync(random, 7);
        using var gallery = await OpenGallery.LoadAsync(store, manifest, threads: 1);
        var calibration = await Calibrator.RunAsync(store, gallery, Options with { Sigma = 0 });
        var pyramids = new List<FeaturePyramid>();
        foreach (var image in manifest.Images) pyramids.Add(await store.ReadPyramidAsync("c", image.Id, model));
        PixelMatches Search(FeaturePyramid query, int without = -1) => BruteForcePixelSearch.Search(
            new PixelSpace(model.Levels), query, [.. pyramids.Select((p, i) => (i, p)).Where(x => x.i != without)],
            new PixelSearchOptions())[0];
        float[][] usual = [.. pyramids.Select((p, i) => Search(p, i).Distances)];
        double overall = usual.Average(u => u.Average(d => (double)d));

        var (id, features) = SyntheticGallery.Image(random);
        var result = await gallery.Coordinator.ScoreAsync(new QueryImage(id, features.Pooled, FeaturePyramid.From(features)),
            Options with { Sigma = 0 }, calibration);
        var found = Search(FeaturePyramid.From(features));
        var grid = new float[found.Distances.Length];
        for (int cell = 0; cell < grid.Length; cell++)
        {
            double local = usual[found.Images[cell]][found.Cells[cell]], position = usual.Average(u => (double)u[cell]);
            grid[cell] = (float)(found.Distances[cell] / (0.1 * local + 0.5 * position + 0.4 * overall));
        }
        var large = new float[16 * 16];
        BilinearUpsampling.Resize(grid, 4, 4, large, 16, 16);
        Assert.Equal(large.OrderDescending().Take(6).Average(v => (double)v), result.Score!.Value, 2e-3);
    }

    /// <summary>At positions where normals differ much, the same distance counts less.</summary>
    [Fact]
    public void What_is_usual_at_a_position_counts_less_there()
    {
        ImageId[] images = [new(1), new(2)];
        var usual = UsualDistances.From(1, 2, images, [[1, 9], [1, 9]]);
        var matches = new PixelMatches(1, 2, 1);
        matches.Offer(0, 6, 0, 0);
        matches.Offer(1, 6, 1, 1);
        var (score, map) = usual.Normalise(matches, Rows(images), 0, new TileGrid(8, 8), null);
        Assert.Equal(6 / (0.4 * 5 + 0.1 * 1 + 0.5 * 1), score[0], 1e-2);
        Assert.Equal(6 / (0.4 * 5 + 0.1 * 9 + 0.5 * 9), score[1], 1e-2);
        Assert.Equal(6 / (0.9 + 0.1 * 9 / 5), map[1], 1e-2);
        Assert.Equal(score, usual.Normalise(matches, Rows(images), 0, new TileGrid(8, 8), new ImageId(1)).Score);
    }

    /// <summary>Where a photograph leaves a tile free, its mirror image is searched. That says nothing of what is usual there.</summary>
    [Fact]
    public void Free_bars_of_a_normal_do_not_count()
    {
        ImageId[] images = [new(1), new(2), new(3)];
        var usual = UsualDistances.From(1, 2, images, [[2, 4], [2, float.NaN], [2, float.NaN]]);
        double overall = 7.0 / 3;
        Assert.Equal(overall, usual.Overall, 1e-9);
        var matches = new PixelMatches(1, 2, 1);
        matches.Offer(0, 6, 1, 1);
        matches.Offer(1, 6, 0, 1);
        double[] Score(ImageId? exclude) =>
            [.. usual.Normalise(matches, Rows(images), 0, new TileGrid(8, 8), exclude).Score.Select(s => (double)s)];
        // The first cell's match lies in a bar: what is usual at the position stands for it.
        Assert.Equal(6 / (0.4 * overall + 0.6 * 2), Score(null)[0], 1e-2);
        Assert.Equal(6 / (0.4 * overall + 0.1 * 4 + 0.5 * 4), Score(null)[1], 1e-2);
        Assert.Equal(Score(null), Score(new ImageId(3)));
        // Without the only photograph that covers the position, the mean of all positions is left.
        Assert.Equal(6 / (0.4 * overall + 0.1 * 4 + 0.5 * overall), Score(new ImageId(1))[1], 1e-2);
    }

    /// <summary>Of a wide and a tall photograph, the same place has different cells. Earlier builds compared cells.</summary>
    [Theory]
    [InlineData(true, (2 + 6) / 2.0)]
    [InlineData(false, 6)]
    public void A_position_is_one_on_the_photograph(bool onPhotograph, double position)
    {
        ImageId wide = new(1), tall = new(2);
        var grid = new TileGrid(8, 8, Letterbox: true);
        float[] Covered(float value, Func<int, int, bool> covers)
            => [.. Enumerable.Range(0, 16).Select(i => covers(i % 4, i / 4) ? value : float.NaN)];
        var usual = UsualDistances.From(4, 4, [wide, tall],
            [Covered(2, (_, y) => y is 1 or 2), Covered(6, (x, _) => x is 1 or 2)], onPhotograph);
        var matches = new PixelMatches(4, 4, 1);
        for (int cell = 0; cell < 16; cell++) matches.Offer(cell, 6, 1, cell);
        // The upper left cell of another tall photograph: only the tall normal covers that cell, but both have such a place.
        float score = usual.Normalise(matches, Rows([wide, tall]), 0, grid, null,
            (grid.Frame(50, 100), id => id == wide ? grid.Frame(100, 50) : grid.Frame(50, 100))).Score[1];
        Assert.Equal(6 / (0.4 * 4 + 0.1 * 6 + 0.5 * position), score, 1e-2);
    }

    /// <summary>What is usual at a position, written down as it is defined, for normals of several proportions.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Means_at_positions_are_those_of_the_definition(bool onPhotograph)
    {
        const int Side = 8, Cells = Side * Side, Normals = 40;
        var random = new Random(11);
        var grid = new TileGrid(16, 16, Letterbox: true);
        ImageId[] images = [.. Enumerable.Range(1, Normals).Select(i => new ImageId((ulong)i))];
        TileFrame[] proportions = [grid.Frame(100, 50), grid.Frame(50, 100), grid.Frame(100, 100)];
        TileFrame FrameOf(ImageId id) => proportions[(int)(id.Value % 3)];
        float[][] distances = [.. images.Select(id => Enumerable.Range(0, Cells)
            .Select(c => grid.Covers(FrameOf(id), 0, c, Side, Side) ? random.NextSingle() * 9 + 1 : float.NaN).ToArray())];
        var usual = UsualDistances.From(Side, Side, images, distances, onPhotograph);
        var matches = new PixelMatches(Side, Side, 1);
        for (int cell = 0; cell < Cells; cell++) matches.Offer(cell, 6, 0, cell);
        // Twice: what a second photograph of the same size gets has been kept.
        foreach (var own in proportions.Concat(proportions))
            foreach (ImageId? exclude in new ImageId?[] { null, images[7] })
            {
                float[] score = usual.Normalise(matches, Rows(images), 0, grid, exclude, (own, FrameOf)).Score;
                for (int cell = 0; cell < Cells; cell++)
                    Assert.Equal(6 / (0.4 + 0.1 * Near(0, cell, Position(own, cell, exclude)) + 0.5 * Position(own, cell, exclude))
                        / usual.Overall, score[cell], 1e-5);
            }

        double Near(int image, int cell, double otherwise)
            => float.IsNaN(distances[image][cell]) ? otherwise : (double)(Half)(distances[image][cell] / usual.Overall);

        double Position(TileFrame own, int cell, ImageId? exclude)
        {
            var there = new List<double>();
            for (int i = 0; i < Normals; i++)
            {
                if (images[i] == exclude) continue;
                int at = cell;
                if (onPhotograph)
                {
                    var (columns, rows) = grid.CorrespondingCells(0, own, FrameOf(images[i]), Side, Side);
                    var (column, row) = (columns[cell % Side], rows[cell / Side]);
                    if (column.Tile < 0 || row.Tile < 0) continue;
                    at = row.Cell * Side + column.Cell;
                }
                if (!float.IsNaN(distances[i][at])) there.Add(Near(i, at, 0));
            }
            return there.Count == 0 ? 1 : there.Average();
        }
    }

    /// <summary>A gallery of wide and tall photographs: each has distances in the middle rows or columns only.</summary>
    [Fact]
    public async Task Distances_are_kept_where_a_photograph_covers_the_tile()
    {
        var (store, manifest) = await SyntheticGallery.BuildAsync(new Random(5), 6);
        manifest = manifest with
        {
            Version = 2,
            Preprocessing = new TileGrid(manifest.Model.InputWidth, manifest.Model.InputHeight, Letterbox: true).Description,
            Images = [.. manifest.Images.Select((image, i) => image with { Width = i % 2 == 0 ? 100 : 50, Height = i % 2 == 0 ? 50 : 100 })]
        };
        await store.PublishAsync(manifest);
        using var gallery = await OpenGallery.LoadAsync(store, manifest, threads: 1);
        var usual = (await Calibrator.RunAsync(store, gallery, Options)).Usual!;
        Assert.True(usual.OnPhotograph);
        var local = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, Half>(usual.Local);
        for (int image = 0, at = 0; image < 6; image++)
            for (int y = 0; y < usual.Height; y++)
                for (int x = 0; x < usual.Width; x++, at++)
                    Assert.Equal((image % 2 == 0 ? y : x) is 0 or 3, Half.IsNaN(local[at]));
    }

    private static GalleryTile[] Rows(ImageId[] images) => [.. images.Select(i => new GalleryTile(i, 0))];

    [Fact]
    public async Task An_odd_normal_is_suspect_and_counts_only_when_it_is_accepted()
    {
        var random = new Random(3);
        var (store, manifest) = await SyntheticGallery.BuildAsync(random, 20);
        var odd = new ImageFeatures(SyntheticGallery.Model);
        foreach (var values in odd.Levels.Append(odd.Pooled)) Array.Fill(values, 30);
        var (id, pyramid) = (new ImageId(5), FeaturePyramid.From(odd));
        await store.WriteImageAsync("c", id, manifest.Model.Digest, StoredFeatures.From([.. odd.Pooled], pyramid), pyramid);
        manifest = manifest with
        {
            Version = 2,
            Images = [new GalleryImage(id, id.ToString(), "odd.png", default, "test"), .. manifest.Images]
        };
        await store.PublishAsync(manifest);
        using var gallery = await OpenGallery.LoadAsync(store, manifest, threads: 1);

        var calibration = await Calibrator.RunAsync(store, gallery, Options);
        var suspect = Assert.Single(calibration.Suspects);
        Assert.Equal((id, calibration.Scores[^1], calibration.Scores[^2], false),
            (suspect.Image, suspect.Score, suspect.Next, suspect.Accepted));
        Assert.Equal(ThresholdEstimate.Of(ThresholdRule.Robust, [.. calibration.Scores.SkipLast(1)], 0.1), calibration.Theta);
        var accepted = calibration.Accept(new HashSet<ImageId> { id });
        Assert.Equal(ThresholdEstimate.Of(ThresholdRule.Robust, calibration.Scores, 0.1), accepted.Theta);
        Assert.True(accepted.Suspects[0].Accepted);
        var again = await Calibrator.RunAsync(store, await OpenGallery.LoadAsync(store, manifest with { Accepted = [id] }, threads: 1),
            Options);
        Assert.Equal((accepted.Theta, true), (again.Theta, again.Suspects[0].Accepted));
        Assert.Equal(calibration.Scores[^1],
            (await Calibrator.RunAsync(store, gallery, Options with { Threshold = ThresholdRule.Conformal, Alpha = 0.01 })).Theta);
    }

    /// <summary>Shown maps are cut at theta everywhere, so both must be on one scale, and a defect must have a region.</summary>
    [Fact]
    public async Task A_map_is_on_the_scale_of_the_score()
    {
        var random = new Random(12);
        var (store, manifest) = await SyntheticGallery.BuildAsync(random, 25);
        using var gallery = await OpenGallery.LoadAsync(store, manifest, threads: 1);
        var c = await Calibrator.RunAsync(store, gallery, Options);
        int above = 0, defects = 0;
        for (int i = 0; i < 40; i++)
        {
            var (id, features) = SyntheticGallery.Image(random);
            if (i % 2 == 0) features.Levels[0].AsSpan(0, 24).Fill(3 + i / 4f);
            var result = await gallery.Coordinator.ScoreAsync(new QueryImage(id, features.Pooled, FeaturePyramid.From(features)), Options,
                c);
            Assert.InRange(result.Map!.Score / result.Score!.Value, 0.5, 2);
            if (result.Verdict != Verdict.Defect) Assert.Empty(result.Regions);
            else
            {
                defects++;
                Assert.NotEmpty(result.Regions);
                if (result.Map.Score > c.Theta) above++;
            }
        }
        Assert.True(defects >= 10 && above >= 0.8 * defects, $"{above} of {defects}");
    }

    [Fact]
    public async Task Scores_between_the_thresholds_are_reviewed()
    {
        var (store, manifest) = await SyntheticGallery.BuildAsync(new Random(9), 30);
        using var gallery = await OpenGallery.LoadAsync(store, manifest, threads: 1);
        var c = await Calibrator.RunAsync(store, gallery, Options);
        Assert.True(c.Review < c.Theta);
        ScoreResult At(double score) =>
            new() { GateDistance = 0, Calibration = c, Neighbours = [], Times = new StageTimes(), Score = score };
        Assert.Equal([Verdict.Good, Verdict.Review, Verdict.Review, Verdict.Defect],
            new[] { c.Review!.Value, Math.BitIncrement(c.Review.Value), c.Theta, Math.BitIncrement(c.Theta) }.Select(s =>
                At(s).Verdict!.Value));
        Assert.Null((await Calibrator.RunAsync(store, gallery, Options with { ReviewRate = 0.05 })).Review);
    }
}
