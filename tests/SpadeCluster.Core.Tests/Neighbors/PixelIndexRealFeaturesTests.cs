using System.IO.Compression;
using System.Runtime.InteropServices;
using SpadeCluster.Features;
using SpadeCluster.Neighbors;

namespace SpadeCluster.Tests.Neighbors;

/// <summary>The statistics of a real network: ResNet-50 features of one photograph, and of it turned and mirrored.</summary>
public sealed class PixelIndexRealFeaturesTests
{
    private static readonly LevelShape[] Shapes = [new(56, 56, 256), new(28, 28, 512), new(14, 14, 1024)];

    [SharedDataFact]
    public void Prunes_nearly_everything_and_finds_what_a_dense_search_finds()
    {
        var golden = Golden();
        var query = Turn(golden, 0, noise: 0.05, seed: 1);
        FeaturePyramid[] gallery = [.. Enumerable.Range(1, 4).Select(i => Turn(golden, i, noise: 0.3, seed: i + 1))];
        var index = new PixelIndex(new PixelSpace(Shapes), gallery);
        var packed = Pyramids.Pack(index, gallery);
        Assert.All(packed, p => Assert.InRange(p.Item2.ResidentBytes, 2_809_856, 2_900_000));

        foreach (int kappa in new[] { 1, 3 })
        {
            var options = new PixelSearchOptions(Kappa: kappa, Threads: 2);
            var (pruned, dense) = (new SearchStatistics(index), new SearchStatistics(index));
            var found = index.Search(query, packed, options, default, pruned);
            Pyramids.AssertSame(index.Search(query, packed, options, dense: true, default, dense), found);
            Assert.InRange(dense.Share(0), 1, 1.05);
            Assert.InRange(pruned.Share(1), 0, 0.5);
            Assert.InRange(pruned.Share(0), 0, 0.05);
            if (kappa == 1) AssertBruteForce(query, gallery, found[0]);

            (options, pruned) = (options with { Fusion = Fusion.PerLevel }, new SearchStatistics(index));
            Pyramids.AssertSame(index.Search(query, packed, options, dense: true, default, null),
                index.Search(query, packed, options, default, pruned));
            Assert.InRange(pruned.Share(1), 0, 0.5);
            Assert.InRange(pruned.Share(0), 0, 0.5);
        }
    }

    /// <summary>Checks every hundredth pixel against all gallery pixels.</summary>
    private static void AssertBruteForce(FeaturePyramid query, FeaturePyramid[] gallery, PixelMatches found)
    {
        for (int p = 0; p < 56 * 56; p += 100)
        {
            var expected = new PixelMatches(1, 1, 1);
            for (int i = 0; i < gallery.Length; i++)
            {
                float[][] coarse = [.. Enumerable.Range(1, 2)
                    .Select(l => Enumerable.Range(0, Shapes[l].Cells).Select(g => Distance(query, gallery[i], l, Cell(p, l), g))
                        .ToArray())];
                for (int g = 0; g < 56 * 56; g++)
                    expected.Offer(0, coarse[1][Cell(g, 2)] + coarse[0][Cell(g, 1)] + Distance(query, gallery[i], 0, p, g), i, g);
            }
            Assert.Equal((expected.Distances[0], expected.Images[0], expected.Cells[0]),
                (found.Distances[p], found.Images[p], found.Cells[p]));
        }
    }

    private static int Cell(int cell, int level) => (cell / 56 >> level) * (56 >> level) + (cell % 56 >> level);

    private static float Distance(FeaturePyramid a, FeaturePyramid b, int level, int p, int g)
    {
        int c = Shapes[level].Channels;
        Span<float> x = stackalloc float[c], y = stackalloc float[c];
        HalfConversion.Widen(a.Level(level).Slice(p * c, c), x);
        HalfConversion.Widen(b.Level(level).Slice(g * c, c), y);
        return PixelDistance.Squared(x, y, []);
    }

    /// <summary>Feature maps rotated by quarter turns, with multiplicative noise: another image of the same statistics.</summary>
    private static FeaturePyramid Turn(float[][] levels, int turns, double noise, int seed)
    {
        var random = new Random(seed);
        return new FeaturePyramid(Shapes, [.. Shapes.Select((s, l) =>
        {
            var values = new Half[s.Length];
            for (int y = 0; y < s.Height; y++)
                for (int x = 0; x < s.Width; x++)
                {
                    var (v, u) = (turns % 4) switch { 0 => (y, x), 1 => (x, s.Width - 1 - y), 2 => (s.Height - 1 - y, s.Width - 1 - x), _ =>
                        (s.Height - 1 - x, y) };
                    for (int c = 0; c < s.Channels; c++)
                        values[(y * s.Width + x) * s.Channels + c] =
                            (Half)(levels[l][(v * s.Width + u) * s.Channels + c] * (1 + noise * (random.NextDouble() - 0.5)));
                }
            return values;
        })]);
    }

    private static float[][] Golden()
    {
        using var archive = ZipFile.OpenRead(SharedData.Path("data", "resnet50-l3", "golden_features.npz"));
        return [.. Enumerable.Range(1, 3).Select(l =>
        {
            using var stream = archive.GetEntry($"level{l}.npy")!.Open();
            using var copy = new MemoryStream();
            stream.CopyTo(copy);
            // An .npy file: magic, version, length of the header at byte 8, header, then the values.
            byte[] bytes = copy.ToArray();
            int header = BitConverter.ToUInt16(bytes, 8);
            return MemoryMarshal.Cast<byte, float>(bytes.AsSpan(10 + header)).ToArray();
        })];
    }
}
