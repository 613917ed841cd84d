using SpadeCluster.Features;
using SpadeCluster.Neighbors;
using static SpadeCluster.Tests.Neighbors.Pyramids;

namespace SpadeCluster.Tests.Neighbors;

/// <summary>Per-level fusion on levels with more cells than channels, where projections bound first.</summary>
public sealed class LevelSearchTests
{
    /// <summary>Incomplete tiles, groups and quads; children that do not fill a quad; one cell; grids that do not nest.</summary>
    private static readonly LevelShape[][] Levels =
    [
        [new(15, 9, 40), new(5, 3, 12), new(1, 1, 1)],
        [new(7, 11, 65)],
        [new(12, 12, 30), new(6, 6, 20), new(4, 4, 8)],
        [new(1, 1, 3)],
    ];

    public static TheoryData<int, bool, int> Cases
    {
        get
        {
            var data = new TheoryData<int, bool, int>();
            for (int shapes = 0; shapes < Levels.Length; shapes++)
                foreach (bool weighted in new[] { false, true })
                    foreach (int kappa in new[] { 1, 3, 7 }) data.Add(shapes, weighted, kappa);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Finds_what_brute_force_finds_on_every_path_with_any_threads_and_shards(int levels, bool weighted, int kappa)
    {
        var shapes = Levels[levels];
        var space = new PixelSpace(shapes, weighted ? Weights(shapes, 5) : null);
        // Similar images, duplicates (ties between positions) and constant ones (ties between cells).
        FeaturePyramid[] similar = [.. Enumerable.Range(0, 4).Select(i => Blend(Random(shapes, 1), Random(shapes, 2 + i), i * 0.1))];
        FeaturePyramid[] gallery =
            [.. similar, similar[1], Random(shapes, 9, Kind.Constant), Random(shapes, 8, Kind.Few), Random(shapes, 9, Kind.Constant),
                similar[0]];
        FeaturePyramid[] queries =
            [Blend(similar[1], Random(shapes, 20), 0.05), similar[0], Random(shapes, 9, Kind.Constant), Random(shapes, 21, Kind.Few)];
        PixelIndex[] indexes = [.. SimdPaths.Supported.Select(path => new PixelIndex(space, similar, path))];
        foreach (var query in queries)
        {
            var options = new PixelSearchOptions(Fusion.PerLevel, kappa);
            var expected = BruteForcePixelSearch.Search(space, query, Number(gallery), options);
            foreach (var index in indexes)
            {
                var packed = Pack(index, gallery);
                for (int threads = 1; threads <= 3; threads++)
                    AssertSame(expected, index.Search(query, packed, options with { Threads = threads }));
                // Every third image, in any order, to a shard of its own.
                var shards = packed.Reverse().GroupBy(g => g.Item1 % 3)
                    .Select(g => index.Search(query, [.. g], options with { Threads = 2 })).ToArray();
                for (int level = 0; level < shapes.Length; level++)
                    foreach (var shard in shards[1..]) shards[0][level].Merge(shard[level]);
                AssertSame(expected, shards[0]);
            }
        }
    }

    [Fact]
    public void Projections_rule_out_most_pairs_of_similar_images()
    {
        LevelShape[] shapes = [new(24, 24, 64)];
        FeaturePyramid[] gallery = [.. Enumerable.Range(0, 20).Select(i => Blend(Random(shapes, 1), Random(shapes, 2 + i), 0.1))];
        var index = new PixelIndex(new PixelSpace(shapes), gallery);
        var statistics = new SearchStatistics(index);
        index.Search(Blend(Random(shapes, 1), Random(shapes, 30), 0.05), Pack(index, gallery), new PixelSearchOptions(Fusion.PerLevel),
            default, statistics);
        // One image more is projected to learn limits from.
        Assert.Equal(statistics.AllPairs[0] / 20 * 21, statistics.ProjectedPairs[0]);
        Assert.InRange(statistics.Share(0), 0, 0.1);
    }

    private static FeaturePyramid Blend(FeaturePyramid a, FeaturePyramid b, double share) => new(a.Shapes,
        [.. a.Shapes.Select((s, l) =>
            Enumerable.Range(0, s.Length).Select(i => (Half)((1 - share) * (double)a.Level(l)[i] + share * (double)b.Level(l)[i]))
                .ToArray())]);
}
