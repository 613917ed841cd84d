using SpadeCluster.Core.Tests.Galleries;
using SpadeCluster.Evaluation;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Scoring;

namespace SpadeCluster.Core.Tests.Evaluation;

/// <summary>PatchCore against a reference that follows Roth et al. 2022 literally, one patch after the other.</summary>
public class PatchCoreTests
{
    private static readonly FeatureModel Model =
        new("synthetic", new string('b', 64), 32, 32, [new(8, 8, 3), new(4, 4, 21), new(2, 2, 30)], 6, WeightChannels: false);

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 2)]
    [InlineData(0.3, 1)]
    [InlineData(0.3, 2)]
    public async Task Scores_and_maps_are_the_reference_s(double coreset, int threads)
    {
        var random = new Random(3);
        var (store, manifest) = await SyntheticGallery.BuildAsync(random, 7, Model);
        var normals = await PyramidsAsync(store, manifest);
        var options = new ScoringOptions { Sigma = 1 };
        var patchCore = await BuildAsync(store, manifest, options, coreset, threads);
        var all = normals.SelectMany(ReferencePatches).ToArray();
        var chosen = ReferenceCoreset(all, coreset);
        Assert.Equal(chosen.Length, patchCore.Patches);

        for (int query = 0; query < 3; query++)
        {
            var pyramid = FeaturePyramid.From(SyntheticGallery.Image(random, Model).Features);
            var (score, distances, expected) = Reference(ReferencePatches(pyramid), [.. chosen.Select(i => all[i])]);
            var result = patchCore.Score(pyramid, excluded: -1);
            Assert.Equal(score, result.Score!.Value, 1e-5);
            Assert.Equal(distances, result.Tiles[0].Maps[0].Distances.Select(d => (double)d), (a, b) => Math.Abs(a - b) < 1e-5);
            Assert.Equal(expected.Values, result.Map!.Values, (a, b) => Math.Abs(a - b) < 1e-5);
        }
    }

    [Fact]
    public async Task A_normal_is_scored_against_the_patches_of_the_others()
    {
        var (store, manifest) = await SyntheticGallery.BuildAsync(new Random(4), 6, Model);
        var normals = await PyramidsAsync(store, manifest);
        var patchCore = await BuildAsync(store, manifest, new ScoringOptions { Sigma = 1 }, 1, 1);
        double[] expected = [.. normals.Select((normal, i) => Reference(ReferencePatches(normal),
            [.. normals.Where((_, other) => other != i).SelectMany(ReferencePatches)]).Score)];
        var calibration = patchCore.Calibrate().Calibration!;
        Assert.Equal(expected.Order(), calibration.Scores, (a, b) => Math.Abs(a - b) < 1e-5);
        // Thresholds are those of the scores; and the map is on their scale, so that one theta cuts both.
        Assert.Equal(ThresholdEstimate.Of(ThresholdRule.Conformal, calibration.Scores, 0.01), calibration.Theta, 1e-9);
        var map = patchCore.Score(normals[0], excluded: 0).Map!;
        Assert.Equal(calibration.MapScale, map.Max / Reference(ReferencePatches(normals[0]),
            [.. normals.Skip(1).SelectMany(ReferencePatches)]).Map.Max, 1e-4);
    }

    [Fact]
    public void A_projected_coreset_covers_the_rows_almost_as_well_as_one_of_the_rows_themselves()
    {
        const int Count = 300, Length = 512;
        var random = new Random(5);
        var rows = new float[Count * Length];
        for (int i = 0; i < rows.Length; i++) rows[i] = (float)random.NextDouble() * (1 + i / Length % 7);
        double[][] points = [.. Enumerable.Range(0, Count)
            .Select(r => rows.Skip(r * Length).Take(Length).Select(v => (double)v).ToArray())];
        int[] chosen = Coreset.Select(rows, Length, 0.1, seed: 1, threads: 1);
        Assert.Equal(30, chosen.Length);
        Assert.Equal(chosen, Coreset.Select(rows, Length, 0.1, seed: 1, threads: 2));
        double Radius(int[] rows) => points.Max(p => rows.Min(r => Distance(p, points[r])));
        Assert.True(Radius(chosen) <= 1.15 * Radius(ReferenceCoreset(points, 0.1)));
    }

    [Fact]
    public void Identical_rows_are_chosen_once()
        => Assert.Single(Coreset.Select(new float[10 * 16], 16, 0.5, seed: 0, threads: 1));

    private static async Task<PatchCore> BuildAsync(IGalleryStore store, GalleryManifest manifest, ScoringOptions options, double coreset,
        int threads)
        => await PatchCore.BuildAsync(store, new NoEngine(), manifest, options, coreset, threads: threads);

    private static async Task<FeaturePyramid[]> PyramidsAsync(IGalleryStore store, GalleryManifest manifest)
    {
        var pyramids = new List<FeaturePyramid>();
        foreach (var image in manifest.Images) pyramids.Add(await store.ReadPyramidAsync("c", image.Id, manifest.Model));
        return [.. pyramids];
    }

    /// <summary>Levels 2 and 3 of each cell of level 2; level 3 enlarged from 2x2 to 4x4 with half-pixel centres.</summary>
    private static double[][] ReferencePatches(FeaturePyramid pyramid)
    {
        double Value(int level, int y, int x, int c)
        {
            var shape = pyramid.Shapes[level];
            return (double)pyramid.Level(level)[(Math.Clamp(y, 0, shape.Height - 1) * shape.Width + Math.Clamp(x, 0, shape.Width - 1))
                * shape.Channels + c];
        }
        double Enlarged(int y, int x, int c)
        {
            double v = (y + 0.5) / 2 - 0.5, u = (x + 0.5) / 2 - 0.5;
            int top = (int)Math.Floor(v), left = (int)Math.Floor(u);
            return (1 - (v - top)) * ((1 - (u - left)) * Value(2, top, left, c) + (u - left) * Value(2, top, left + 1, c))
                + (v - top) * ((1 - (u - left)) * Value(2, top + 1, left, c) + (u - left) * Value(2, top + 1, left + 1, c));
        }
        return [.. Enumerable.Range(0, 16).Select(cell => Enumerable.Range(0, 21).Select(c => Value(1, cell / 4, cell % 4, c))
            .Concat(Enumerable.Range(0, 30).Select(c => Enlarged(cell / 4, cell % 4, c))).ToArray())];
    }

    private static (double Score, double[] Distances, AnomalyMap Map) Reference(double[][] patches, double[][] bank)
    {
        double[] distances = [.. patches.Select(p => bank.Min(b => Distance(p, b)))];
        double highest = distances.Max();
        var patch = patches[Array.IndexOf(distances, highest)];
        var match = bank.MinBy(b => Distance(patch, b))!;
        var neighbourhood = bank.OrderBy(b => Distance(match, b)).Take(PatchCore.Neighbourhood);
        double score = (1 - Math.Exp(highest) / neighbourhood.Sum(b => Math.Exp(Distance(patch, b)))) * highest;
        return (score, distances,
            AnomalyMap.From([[.. distances.Select(d => (float)d)]], 4, 4, new TileGrid(32, 32), new TileFrame(0, 0, 32, 32),
            new GaussianFilter(1)));
    }

    /// <summary>The row farthest from the chosen ones, again and again; the same first row as with seed 0, or 1 after a
    /// projection.</summary>
    private static int[] ReferenceCoreset(double[][] rows, double share)
    {
        int wanted = (int)Math.Ceiling(rows.Length * share);
        if (wanted == rows.Length) return [.. Enumerable.Range(0, rows.Length)];
        var chosen = new List<int> { new Random(0).Next(rows.Length) };
        while (chosen.Count < wanted)
            chosen.Add(Enumerable.Range(0, rows.Length).MaxBy(i => chosen.Min(c => Distance(rows[i], rows[c]))));
        return [.. chosen.Order()];
    }

    private static double Distance(double[] a, double[] b) => Math.Sqrt(a.Zip(b, (x, y) => (x - y) * (x - y)).Sum());

    private sealed class NoEngine : IFeatureEngines
    {
        public FeatureEngine Default => For(Model, "none");

        public FeatureEngine For(FeatureModel model, string preprocessing) => new(null!, null!);
    }
}
