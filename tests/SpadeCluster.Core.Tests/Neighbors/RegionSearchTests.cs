using SpadeCluster.Features;
using SpadeCluster.Neighbors;
using static SpadeCluster.Tests.Neighbors.Pyramids;

namespace SpadeCluster.Tests.Neighbors;

/// <summary>A search within a region, a window or both finds what brute force over the allowed pairs finds, and nothing else.</summary>
public class RegionSearchTests
{
    public static TheoryData<int, int> ShapesAndThreads
    {
        get
        {
            var data = new TheoryData<int, int>();
            for (int shapes = 0; shapes <= OtherShapes.Length; shapes++)
                for (int threads = 1; threads <= 2; threads++) data.Add(shapes, threads);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(ShapesAndThreads))]
    public void Finds_what_brute_force_finds_bit_for_bit(int shape, int threads)
    {
        var shapes = shape == 0 ? Shapes : OtherShapes[shape - 1];
        var random = new Random(shape);
        foreach (double share in new[] { 0.05, 0.7, 1 })
        {
            bool[] region = [.. Enumerable.Range(0, shapes[0].Cells).Select(_ => random.NextDouble() < share)];
            region[^1] = true;
            var space = new PixelSpace(shapes, Weights(shapes, 5), share < 1 ? region : null);
            var gallery = Gallery(shapes, 3);
            var index = new PixelIndex(space, gallery);
            var packed = Pack(index, gallery);
            var query = Random(shapes, 77);
            foreach (var fusion in Enum.GetValues<Fusion>())
                foreach (int? window in new int?[] { null, 0, 1, 3 })
                    Check(space, index, gallery, packed, query, new PixelSearchOptions(fusion, 1 + (window ?? 0), null, threads, window));
        }
    }

    private static void Check(PixelSpace space, PixelIndex index, FeaturePyramid[] gallery, (int, PackedPyramid)[] packed,
        FeaturePyramid query, PixelSearchOptions options)
    {
        var expected = BruteForcePixelSearch.Search(space, query, Number(gallery), options);
        AssertSame(expected, index.Search(query, packed, options));
        AssertSame(expected, index.Search(query, packed, options, dense: true, default, null));
        // In parts, as shards do.
        foreach (int parts in new[] { 3, 8 })
        {
            var merged = index.Search(query, [.. packed.Where(p => p.Item1 % parts == 0)], options);
            for (int part = 1; part < parts; part++)
                foreach (var (mine, theirs) in merged.Zip(index.Search(query, [.. packed.Where(p => p.Item1 % parts == part)], options)))
                    mine.Merge(theirs);
            AssertSame(expected, merged);
        }
        for (int cell = 0; cell < space.Shapes[0].Cells; cell++)
        {
            int best = cell * options.Kappa;
            Assert.Equal(space.Region?[cell] ?? true, float.IsFinite(expected[0].Distances[best]));
            if (options.Window is not { } radius || float.IsPositiveInfinity(expected[0].Distances[best])) continue;
            var (y, x) = Math.DivRem(cell, expected[0].Width);
            var (matchY, matchX) = Math.DivRem(expected[0].Cells[best], expected[0].Width);
            Assert.InRange(Math.Max(Math.Abs(y - matchY), Math.Abs(x - matchX)), 0, radius);
        }
    }

    /// <summary>With a radius as wide as the grid, the window changes nothing; with a narrow one, it does.</summary>
    [Fact]
    public void A_window_matters_only_where_it_is_narrow()
    {
        var gallery = Gallery(Shapes, 3);
        var index = new PixelIndex(new PixelSpace(Shapes), gallery);
        var packed = Pack(index, gallery);
        var query = Random(Shapes, 78);
        var anywhere = index.Search(query, packed, new PixelSearchOptions());
        AssertSame(anywhere, index.Search(query, packed, new PixelSearchOptions(Window: 8)));
        Assert.NotEqual(anywhere[0].Distances, index.Search(query, packed, new PixelSearchOptions(Window: 1))[0].Distances);
    }

    [Fact]
    public void A_region_without_a_cell_is_refused()
        => Assert.Equal(SpadeError.InvalidArgument,
            Assert.Throws<SpadeException>(() => new PixelSpace(Shapes, null, new bool[Shapes[0].Cells])).Error);
}
