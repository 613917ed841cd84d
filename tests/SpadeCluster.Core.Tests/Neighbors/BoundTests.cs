using SpadeCluster.Features;
using SpadeCluster.Neighbors;
using static SpadeCluster.Tests.Neighbors.Pyramids;

namespace SpadeCluster.Tests.Neighbors;

/// <summary>The bounds alone: never above the distance, close to it where they should be, and the same on every path.</summary>
public sealed unsafe class BoundTests
{
    private static readonly LevelShape[] Chain = [new(8, 8, 70), new(4, 4, 130)];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Sketches_never_exceed_the_distance_and_reach_most_of_it(bool weighted)
    {
        var space = new PixelSpace(Chain, weighted ? Weights(Chain, 9) : null);
        FeaturePyramid[] sample = [.. Enumerable.Range(0, 6).Select(i => Random(Chain, i))];
        var index = new PixelIndex(space, sample);
        var chain = new LevelChain(space, NestedOrder.TryCreate(space), [0, 1]);
        var sketch = index.Sketches[0]!;
        foreach (var queryKind in Enum.GetValues<Kind>())
            foreach (var galleryKind in Enum.GetValues<Kind>())
            {
                // Correlated rows of the sample itself are what the sketch was learned for.
                FeaturePyramid query = Random(Chain, 3, queryKind), gallery = Random(Chain, 4, galleryKind);
                double ratio = 0;
                int pairs = 0;
                ForEachBlock(index, chain, query, gallery, useSketch: true, (bound, distance) =>
                {
                    Assert.True(bound <= distance, $"{queryKind} {galleryKind}: {bound} > {distance}");
                    if (distance > 0) ratio += bound / distance;
                    pairs++;
                });
                if (queryKind == Kind.Correlated && galleryKind == Kind.Correlated) Assert.InRange(ratio / pairs, 0.5, 1);
            }
        Assert.Equal(18, sketch.Length);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Int16_rows_never_exceed_the_distance_and_are_close(bool weighted)
    {
        var space = new PixelSpace(Chain, weighted ? Weights(Chain, 9) : null);
        var index = new PixelIndex(space, [.. Enumerable.Range(0, 4).Select(i => Random(Chain, i))]);
        var chain = new LevelChain(space, NestedOrder.TryCreate(space), [0, 1]);
        foreach (var queryKind in Enum.GetValues<Kind>())
            foreach (var galleryKind in Enum.GetValues<Kind>())
            {
                double ratio = 0;
                int pairs = 0;
                ForEachBlock(index, chain, Random(Chain, 13, queryKind), Random(Chain, 14, galleryKind), useSketch: false,
                    (bound, distance) =>
                {
                    Assert.True(bound <= distance, $"{queryKind} {galleryKind}: {bound} > {distance}");
                    if (distance > 0) ratio += bound / distance;
                    pairs++;
                });
                if (queryKind == Kind.Correlated && galleryKind == Kind.Correlated) Assert.InRange(ratio / pairs, 0.95, 1);
            }
    }

    [Theory]
    [InlineData(false, false, 0.9)]
    [InlineData(false, true, 0.9)]
    [InlineData(true, false, 0.8)]
    [InlineData(true, true, 0.8)]
    public void Rows_and_projections_never_exceed_the_distance_and_are_the_same_on_every_path(bool projected, bool weighted, double reached)
    {
        LevelShape[] shapes = [new(7, 19, 130)];
        var space = new PixelSpace(shapes, weighted ? Weights(shapes, 9) : null);
        var depth = new LevelChain(space, null, [0]).Depths[0];
        PixelIndex[] indexes = [.. SimdPaths.Supported.Select(path => new PixelIndex(space, [Random(shapes, 5), Random(shapes, 6)], path))];
        foreach (var (queryKind, galleryKind) in Enum.GetValues<Kind>().SelectMany(a => Enum.GetValues<Kind>().Select(b => (a, b))))
        {
            FeaturePyramid query = Random(shapes, 5, queryKind), gallery = Random(shapes, 6, galleryKind);
            double ratio = 0;
            float[]? first = null;
            foreach (var index in indexes)
            {
                var prepared = new LevelQuery(index, depth);
                prepared.Prepare(query, 2, default);
                var rows = projected ? prepared.Projected : prepared.Full;
                var tile = new LevelTile(index, depth, index.Projection(0));
                using var bounds = new AlignedBuffer<float>(RootKernel.TileRows * prepared.Slots);
                var all = new List<float>();
                for (int start = 0; start < 133; start += RootKernel.TileRows)
                {
                    tile.Load(gallery, start);
                    tile.Project();
                    RootKernel.Bound(rows.Codes, rows.Terms, rows.Factors, prepared.Slots / RootKernel.Group, projected
                        ? tile.Codes : tile.Rows,
                        projected ? tile.CodeTerms : tile.Terms, tile.Count, rows.Pairs, bounds.Pointer, prepared.Slots, index.Path);
                    for (int r = 0; r < tile.Count; r++)
                        for (int p = 0; p < 133; p++)
                        {
                            float bound = bounds.Pointer[r * prepared.Slots + p];
                            all.Add(bound);
                            if (first is not null) continue;
                            float distance = Distance(space, 0, query, p, gallery, start + r);
                            Assert.True(!(bound > distance), $"{queryKind} {galleryKind}: {bound} > {distance}");
                            ratio += distance > 0 ? bound / distance : 1;
                        }
                }
                first ??= [.. all];
                Assert.Equal(first, all);
                GC.KeepAlive(prepared);
            }
            if (queryKind == Kind.Correlated && galleryKind == Kind.Correlated) Assert.InRange(ratio / first!.Length, reached, 1);
        }
    }

    /// <summary>Bounds all finest pairs quad by quad on every path, checks that the paths agree, and hands out each pair.</summary>
    private static void ForEachBlock(PixelIndex index, LevelChain chain, FeaturePyramid query, FeaturePyramid image, bool useSketch,
        Action<float, float> check)
    {
        var depth = chain.Depths[1];
        var prepared = new PreparedQuery(index, chain);
        prepared.Prepare(query, 1, default);
        var packed = index.Pack(image);
        var rows = useSketch ? prepared.Sketch(1) : prepared.Full(1);
        int quads = depth.Slots / 4;
        var gallery = new BlockKernel.Gallery(depth.RowLength / 2);
        using var limits = new AlignedBuffer<float>(depth.Slots);
        new Span<float>(limits.Pointer, depth.Slots).Fill(float.PositiveInfinity);
        using var scratch = new AlignedBuffer<float>(2 * depth.RowLength);
        float[] bounds = new float[16 * quads], coarse = new float[quads];
        int[] order = [.. Enumerable.Range(0, quads)];
        ushort[] live = new ushort[quads];
        float[]? first = null;
        for (int q = 0; q < quads; q++)
        {
            first = null;
            foreach (var path in SimdPaths.Supported)
            {
                if (useSketch)
                {
                    var sketch = index.Sketches[0]!;
                    fixed (sbyte* codes = packed.Codes[0]) gallery.Expand(codes + q * 4 * sketch.Length, sketch.Length / 2, path);
                    for (int j = 0; j < 4; j++) gallery.SetTerm(j, sketch.GalleryTerm(packed.Terms[0]![4 * q + j]), 1);
                }
                else
                {
                    for (int j = 0; j < 4; j++)
                    {
                        short* codes = (short*)(scratch.Pointer + depth.RowLength);
                        var (term, factor) = index.Quantise(depth, image.Level(0).Slice(depth.Cells[4 * q + j] * 70, 70), scratch.Pointer,
                            codes);
                        gallery.ExpandRow(codes, j, depth.RowLength / 2);
                        gallery.SetTerm(j, term, factor);
                    }
                }
                fixed (float* b = bounds, c = coarse)
                fixed (int* o = order)
                fixed (ushort* l = live)
                    BlockKernel.Bound(gallery, rows, o, c, quads, limits.Pointer, 0xFFFF, b, l, path);
                Assert.All(live, l => Assert.Equal(0xFFFF, l));
                first ??= [.. bounds];
                Assert.Equal(first, bounds);
            }
            for (int e = 0; e < quads; e++)
                for (int lane = 0; lane < 16; lane++)
                    check(bounds[16 * e + lane],
                        Distance(index.Space, 0, query, depth.Cells[4 * e + lane % 4], image, depth.Cells[4 * q + lane / 4]));
        }
        GC.KeepAlive(prepared);
    }

    private static float Distance(PixelSpace space, int level, FeaturePyramid a, int p, FeaturePyramid b, int g)
    {
        int c = a.Shapes[level].Channels;
        float[] x = new float[c], y = new float[c];
        HalfConversion.Widen(a.Level(level).Slice(p * c, c), x);
        HalfConversion.Widen(b.Level(level).Slice(g * c, c), y);
        return PixelDistance.Squared(x, y, space.ChannelWeights is { } w ? w[level] : []);
    }
}
