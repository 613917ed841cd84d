using SpadeCluster.Features;
using SpadeCluster.Neighbors;
using static SpadeCluster.Tests.Neighbors.Pyramids;

namespace SpadeCluster.Tests.Neighbors;

public sealed class PixelIndexTests
{
    public static TheoryData<int, int> PathsAndThreads
    {
        get
        {
            var data = new TheoryData<int, int>();
            foreach (var path in SimdPaths.Supported)
                for (int threads = 1; threads <= 4; threads++) data.Add((int)path, threads);
            return data;
        }
    }

    /// <summary>An index holds megabytes for each search that ran at the same time, so it must be collected with its gallery.</summary>
    [Fact]
    public void An_index_that_has_searched_is_collected()
    {
        var used = Use();
        // The searches' buffers are freed by finalizers.
        for (int i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        Assert.False(used.IsAlive);

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        static WeakReference Use()
        {
            var gallery = Gallery(Shapes, 3);
            var index = new PixelIndex(new PixelSpace(Shapes), gallery);
            foreach (var fusion in Enum.GetValues<Fusion>())
                index.Search(gallery[0], Pack(index, gallery), new PixelSearchOptions(fusion, Threads: 2));
            return new WeakReference(index);
        }
    }

    [Theory]
    [MemberData(nameof(PathsAndThreads))]
    public void Finds_what_brute_force_finds_bit_for_bit(int path, int threads)
    {
        foreach (bool weighted in new[] { false, true })
        {
            var space = new PixelSpace(Shapes, weighted ? Weights(Shapes, 5) : null);
            var gallery = Gallery(Shapes, 10 * threads);
            var index = new PixelIndex(space, gallery, (SimdPath)path);
            var packed = Pack(index, gallery);
            Assert.All(packed, p => Assert.Equal(PixelIndex.MostResidentBytes(Shapes), p.Item2.ResidentBytes));
            foreach (var kind in Enum.GetValues<Kind>())
                foreach (var fusion in Enum.GetValues<Fusion>())
                {
                    var query = Random(Shapes, 77, kind);
                    var options = new PixelSearchOptions(fusion, Kappa: 1 + (int)kind % 5, Threads: threads);
                    AssertSame(BruteForcePixelSearch.Search(space, query, Number(gallery), options), index.Search(query, packed, options));
                }
        }
    }

    [Theory]
    [InlineData(new[] { 0 })]
    [InlineData(new[] { 1 })]
    [InlineData(new[] { 2 })]
    [InlineData(new[] { 0, 1 })]
    [InlineData(new[] { 1, 2 })]
    [InlineData(new[] { 0, 2 })]
    public void Searches_any_selection_of_levels(int[] levels)
    {
        var space = new PixelSpace(Shapes);
        var gallery = Gallery(Shapes, 3);
        var index = new PixelIndex(space, gallery);
        for (int kappa = 1; kappa <= 5; kappa += 2)
        {
            var options = new PixelSearchOptions(Kappa: kappa, Levels: levels, Threads: 2);
            var query = Random(Shapes, 55);
            AssertSame(BruteForcePixelSearch.Search(space, query, Number(gallery), options),
                index.Search(query, Pack(index, gallery), options));
        }
    }

    [Fact]
    public void Searches_any_shapes_even_those_that_do_not_nest()
    {
        foreach (var shapes in OtherShapes)
            foreach (var path in SimdPaths.Supported)
            {
                var space = new PixelSpace(shapes, Weights(shapes, 1));
                var gallery = Gallery(shapes, 8);
                var index = new PixelIndex(space, gallery, path);
                foreach (var fusion in Enum.GetValues<Fusion>())
                {
                    var query = Random(shapes, 4);
                    var options = new PixelSearchOptions(fusion, Kappa: 2, Threads: 3);
                    AssertSame(BruteForcePixelSearch.Search(space, query, Number(gallery), options),
                        index.Search(query, Pack(index, gallery), options));
                }
            }
    }

    [Fact]
    public void Bounding_every_pair_in_all_channels_finds_the_same()
    {
        var space = new PixelSpace(Shapes);
        var gallery = Gallery(Shapes, 21);
        var query = Random(Shapes, 22);
        foreach (var path in SimdPaths.Supported)
        {
            var index = new PixelIndex(space, gallery, path);
            var packed = Pack(index, gallery);
            foreach (var fusion in Enum.GetValues<Fusion>())
            {
                var (options, statistics) = (new PixelSearchOptions(fusion, Kappa: 2), new SearchStatistics(index));
                AssertSame(index.Search(query, packed, options), index.Search(query, packed, options, dense: true, default, statistics));
                for (int level = 0; level < Shapes.Length; level++)
                {
                    Assert.True(statistics.BoundedPairs[level] >= statistics.AllPairs[level]);
                    Assert.Equal(0, statistics.ProjectedPairs[level]);
                }
            }
        }
    }

    [Fact]
    public void Nothing_learned_changes_a_result()
    {
        var space = new PixelSpace(Shapes);
        var gallery = Gallery(Shapes, 31);
        var query = Random(Shapes, 32);
        foreach (var fusion in Enum.GetValues<Fusion>())
        {
            var options = new PixelSearchOptions(fusion, Kappa: 3);
            var expected = BruteForcePixelSearch.Search(space, query, Number(gallery), options);
            foreach (FeaturePyramid[] sample in new FeaturePyramid[][] { [], [gallery[2]], [gallery[4]], [gallery[5]],
                [gallery[0], gallery[1]], gallery })
            {
                var index = new PixelIndex(space, sample);
                AssertSame(expected, index.Search(query, Pack(index, gallery), options));
            }
        }
    }

    [Fact]
    public void Agrees_with_float64_to_one_in_ten_thousand()
    {
        var space = new PixelSpace(Shapes, Weights(Shapes, 2));
        var gallery = Gallery(Shapes, 41).Where((_, i) => i != (int)Kind.Huge).ToArray();
        var query = Random(Shapes, 42);
        var index = new PixelIndex(space, gallery);
        var found = index.Search(query, Pack(index, gallery), new PixelSearchOptions())[0];
        var grid = Shapes[0];
        for (int p = 0; p < grid.Cells; p++)
        {
            var all = gallery.SelectMany((g, i) =>
                Enumerable.Range(0, grid.Cells).Select(c => (Distance: Exact(p, g, c), Image: i, Cell: c))).ToArray();
            double best = all.Min(a => a.Distance);
            Assert.Equal(best, found.Distances[p], Math.Max(best * 1e-4, 1e-12));
            // Another pixel is right only if the two distances are equal in float64.
            double chosen = all.First(a => a.Image == found.Images[p] && a.Cell == found.Cells[p]).Distance;
            Assert.InRange(chosen, best, best * (1 + 1e-5) + 1e-12);
        }

        double Exact(int p, FeaturePyramid image, int g)
        {
            double sum = 0;
            for (int l = 0; l < Shapes.Length; l++)
            {
                var s = Shapes[l];
                int At(int cell) => cell / grid.Width * s.Height / grid.Height * s.Width + cell % grid.Width * s.Width / grid.Width;
                for (int c = 0; c < s.Channels; c++)
                {
                    double d = (double)query.Level(l)[At(p) * s.Channels + c] - (double)image.Level(l)[At(g) * s.Channels + c];
                    sum += d * d * space.ChannelWeights![l][c];
                }
            }
            return sum;
        }
    }

    [Fact]
    public void An_image_is_at_distance_zero_from_itself_and_ties_go_to_the_lowest_position()
    {
        var gallery = Gallery(Shapes, 51);
        var index = new PixelIndex(new PixelSpace(Shapes), gallery);
        // The first image again at a lower position.
        var packed = Pack(index, gallery).Append((-3, index.Pack(gallery[0]))).ToArray();
        var found = index.Search(gallery[0], packed, new PixelSearchOptions(Kappa: 3, Threads: 2))[0];
        for (int p = 0; p < 64; p++)
        {
            Assert.Equal([0f, 0f, 0f], found.Distances.AsSpan(3 * p, 3).ToArray());
            Assert.Equal([-3, 0, (int)Kind.Few + 1], found.Images.AsSpan(3 * p, 3).ToArray());
            Assert.Equal([p, p, p], found.Cells.AsSpan(3 * p, 3).ToArray());
        }
    }

    [Fact]
    public void An_empty_gallery_leaves_every_distance_infinite()
    {
        var index = new PixelIndex(new PixelSpace(Shapes), []);
        foreach (var fusion in Enum.GetValues<Fusion>())
            Assert.All(index.Search(Random(Shapes, 1), [], new PixelSearchOptions(fusion)), m =>
                Assert.All(m.Distances, d => Assert.Equal(float.PositiveInfinity, d)));
    }

    [Fact]
    public void Refuses_what_does_not_fit_or_is_not_finite()
    {
        var index = new PixelIndex(new PixelSpace(Shapes), []);
        var query = Random(Shapes, 1);
        Half[][] levels = [.. Shapes.Select((_, l) => query.Level(l).ToArray())];
        levels[1][17] = Half.NaN;
        var bad = new FeaturePyramid(Shapes, levels);
        PixelSearchOptions good = new();
        Assert.Equal(SpadeError.InvalidArgument, Assert.Throws<SpadeException>(() => index.Pack(bad)).Error);
        Assert.Contains("level 2", Assert.Throws<SpadeException>(() => index.Search(bad, [], good)).Message);
        Assert.Throws<SpadeException>(() => index.Pack(Random(OtherShapes[1], 1)));
        Assert.Throws<SpadeException>(() => index.Search(query, [], good with { Kappa = 0 }));
        Assert.Throws<SpadeException>(() => index.Search(query, [], good with { Levels = [1, 0] }));
        Assert.Throws<SpadeException>(() => index.Search(query, [], good with { Levels = [3] }));
        Assert.Throws<SpadeException>(() => index.Search(query, [(0, new PixelIndex(new PixelSpace(Shapes), []).Pack(query))], good));
    }
}
