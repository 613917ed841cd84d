using SpadeCluster.Features;
using SpadeCluster.Neighbors;

namespace SpadeCluster.Tests.Neighbors;

/// <summary>Small pyramids to search: random ones and hard cases.</summary>
internal static class Pyramids
{
    public static readonly LevelShape[] Shapes = [new(8, 8, 20), new(4, 4, 33), new(2, 2, 50)];

    /// <summary>Other nestings: one level, children that do not fill a quad, equal grids, 9 and 8 children.</summary>
    public static readonly LevelShape[][] OtherShapes =
    [
        [new(5, 7, 70)],
        [new(12, 6, 5), new(4, 2, 17)],
        [new(6, 6, 9), new(6, 6, 40), new(2, 3, 7)],
        [new(8, 8, 45), new(2, 4, 45), new(1, 1, 45)],
        [new(12, 12, 6), new(6, 6, 7), new(4, 4, 8)],
    ];

    public enum Kind { Correlated, Uniform, Constant, OneHot, Huge, Zero, Tiny, Few }

    public static FeaturePyramid Random(IReadOnlyList<LevelShape> shapes, int seed, Kind kind = Kind.Correlated)
    {
        var random = new Random(seed);
        return new FeaturePyramid(shapes, [.. shapes.Select(s => Level(s, random, kind))]);
    }

    public static float[][] Weights(IReadOnlyList<LevelShape> shapes, int seed)
    {
        var random = new Random(seed);
        return [.. shapes.Select(s => Enumerable.Range(0, s.Channels).Select(_ => MathF.Exp(12 * random.NextSingle() - 6)).ToArray())];
    }

    /// <summary>A gallery with every kind in it, and an exact duplicate.</summary>
    public static FeaturePyramid[] Gallery(IReadOnlyList<LevelShape> shapes, int seed)
    {
        var images = Enum.GetValues<Kind>().Select((k, i) => Random(shapes, seed + i, k)).ToList();
        images.Add(images[0]);
        images.Add(Random(shapes, seed + 100));
        return [.. images];
    }

    public static (int, PackedPyramid)[] Pack(PixelIndex index, IEnumerable<FeaturePyramid> images) =>
        [.. images.Select((g, i) => (i, index.Pack(g)))];

    public static (int, FeaturePyramid)[] Number(IEnumerable<FeaturePyramid> images) => [.. images.Select((g, i) => (i, g))];

    public static void AssertSame(PixelMatches[] expected, PixelMatches[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int m = 0; m < expected.Length; m++)
        {
            Assert.Equal((expected[m].Height, expected[m].Width), (actual[m].Height, actual[m].Width));
            Assert.Equal(expected[m].Distances.Select(BitConverter.SingleToInt32Bits),
                actual[m].Distances.Select(BitConverter.SingleToInt32Bits));
            Assert.Equal(expected[m].Images, actual[m].Images);
            Assert.Equal(expected[m].Cells, actual[m].Cells);
        }
    }

    private static Half[] Level(LevelShape s, Random random, Kind kind)
    {
        // A few shared directions, so that there are leading principal directions.
        var basis = Enumerable.Range(0, 3).Select(_ => Enumerable.Range(0, s.Channels).Select(_ => random.NextDouble() - 0.3).ToArray())
            .ToArray();
        var values = new Half[s.Length];
        for (int cell = 0; cell < s.Cells; cell++)
        {
            var mix = basis.Select(_ => 2 * random.NextDouble()).ToArray();
            int hot = random.Next(s.Channels);
            for (int c = 0; c < s.Channels; c++)
                values[cell * s.Channels + c] = (Half)(kind switch
                {
                    Kind.Correlated => Math.Max(0, basis.Zip(mix, (b, m) => b[c] * m).Sum() + 0.2 * random.NextDouble()),
                    Kind.Uniform => random.NextDouble(),
                    Kind.Constant => 1.5,
                    Kind.OneHot => c == hot ? 1 : 0,
                    Kind.Huge => (random.Next(2) - 0.5) * 2 * (65504 - 30000 * random.NextDouble()),
                    Kind.Zero => 0,
                    Kind.Tiny => random.Next(5) * 5.9604645e-8,
                    _ => random.Next(2),
                });
        }
        return values;
    }
}
