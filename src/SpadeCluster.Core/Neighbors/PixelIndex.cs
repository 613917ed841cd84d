using System.Collections.Concurrent;
using SpadeCluster.Features;

namespace SpadeCluster.Neighbors;

/// <summary>
/// Exact nearest-neighbour search over the pixels of gallery images, the distances of SPADE's equation (3); README.md in this
/// folder explains how. An index learns means and principal directions from a sample of normals, packs gallery images, and
/// searches any subset of them.
/// What it learned changes only how much work a search needs: results are the bits of <see cref="PixelDistance"/> for any sample, number of
/// threads and split of the gallery. Safe for concurrent use.
/// </summary>
public sealed unsafe class PixelIndex
{
    /// <summary>Sketch coordinates of a cell: few on the finest level, which has the most cells, more on the middle ones.</summary>
    private const int FinestDirections = 17, MiddleDirections = 31;

    /// <summary>A projection has one coordinate per this many channels.</summary>
    private const int ProjectedShare = 4;
    private const int MaximumSample = 64;

    private readonly AlignedBuffer<float>[] _means;
    private readonly AlignedBuffer<float>?[] _rootWeights;
    private readonly float[] _losses;
    private readonly NestedOrder? _order;
    private readonly Lazy<LevelProjection>?[] _projections;
    private readonly ConcurrentDictionary<string, ChainSearch> _searches = new();
    private readonly ConcurrentDictionary<int, LevelSearch> _levels = new();

    /// <param name="space">What defines the distances.</param>
    /// <param name="sample">Some normals, at least a handful and typical; empty: results are the same, only slower.</param>
    public PixelIndex(PixelSpace space, IReadOnlyList<FeaturePyramid> sample) : this(space, sample, SimdPaths.Best) { }

    internal PixelIndex(PixelSpace space, IReadOnlyList<FeaturePyramid> sample, SimdPath path)
    {
        (Space, Path) = (space, path);
        foreach (var pyramid in sample) CheckShapes(pyramid, nameof(sample));
        if (sample.Count > MaximumSample)
            sample = [.. Enumerable.Range(0, MaximumSample).Select(i => sample[(int)((long)i * sample.Count / MaximumSample)])];
        int levels = space.Shapes.Count;
        _losses = [.. space.Shapes.Select(s => CentredRows.Loss(s.Channels))];
        _order = NestedOrder.TryCreate(space);
        (_means, _rootWeights) = (new AlignedBuffer<float>[levels], new AlignedBuffer<float>?[levels]);
        (Weights, Sketches) = (new AlignedBuffer<float>?[levels], new LevelSketch?[levels]);
        _projections = new Lazy<LevelProjection>?[levels];
        for (int level = 0; level < levels; level++)
        {
            var shape = space.Shapes[level];
            float[]? weights = space.ChannelWeights?[level];
            int padded = (shape.Channels + PixelDistance.Lanes - 1) / PixelDistance.Lanes * PixelDistance.Lanes;
            _means[level] = CentredRows.Padded(sample.Count == 0 ? [] : SketchTraining.Mean(sample, level), padded);
            _rootWeights[level] = weights is null ? null : CentredRows.Padded([.. weights.Select(MathF.Sqrt)], padded);
            Weights[level] = weights is null ? null : CentredRows.Padded(weights, padded);
            if (sample.Count == 0) continue;
            int sketched = _order is null ? 0 : Directions(level, levels);
            // Projecting a row costs as much as bounding it against as many cells as the level has channels.
            int projected = shape.Cells < shape.Channels ? 0 : shape.Channels / ProjectedShare;
            if (sketched + projected == 0) continue;
            var training = new SketchTraining(sample, level, weights);
            if (sketched > 0 && training.Sketch(sketched) is { Usable: true } sketch) Sketches[level] = sketch;
            if (projected > 0) _projections[level] = training.Projection(projected);
        }
    }

    private PixelIndex(PixelIndex trained, IReadOnlyList<bool> region)
    {
        (Space, Path) = (new PixelSpace(trained.Space.Shapes, trained.Space.ChannelWeights, region), trained.Path);
        _order = NestedOrder.TryCreate(Space);
        (_means, _rootWeights, _losses) = (trained._means, trained._rootWeights, trained._losses);
        (Weights, Sketches, _projections) = (trained.Weights, trained.Sketches, trained._projections);
    }

    public PixelSpace Space { get; }

    /// <summary>An index that has learned the same, for a part of the cells; it searches images that it packed itself.</summary>
    /// <param name="region">As <see cref="PixelSpace.Region"/>.</param>
    public PixelIndex Within(IReadOnlyList<bool> region) => new(this, region);

    internal SimdPath Path { get; }

    /// <summary>[level]; null where there is nothing to learn from.</summary>
    internal LevelSketch?[] Sketches { get; }

    /// <summary>Learned when a level is first searched alone; null where there is nothing to learn from, or the level too small to
    /// gain.</summary>
    internal LevelProjection? Projection(int level) => _projections[level]?.Value;

    /// <summary>[level]: padded channel weights for the definition, or null.</summary>
    internal AlignedBuffer<float>?[] Weights { get; }

    /// <summary>The largest <see cref="PackedPyramid.ResidentBytes"/> of an image with these levels.</summary>
    /// <param name="shapes">The levels, the finest first.</param>
    public static long MostResidentBytes(IReadOnlyList<LevelShape> shapes)
    {
        long bytes = shapes.Sum(s => 2L * s.Length);
        var order = NestedOrder.TryCreate(new PixelSpace(shapes));
        for (int level = 0; level < shapes.Count - 1 && order is not null; level++)
            bytes += order.Cells(level).LongLength
                * (LevelSketch.CodeLength(Math.Min(Directions(level, shapes.Count), shapes[level].Channels)) + 2);
        return bytes;
    }

    /// <summary>Sketch coordinates of a level; none of the coarsest.</summary>
    private static int Directions(int level, int levels) => level == levels - 1 ? 0 : level == 0 ? FinestDirections : MiddleDirections;

    /// <summary>Prepares one gallery image for searches: keeps its features and encodes its sketches.</summary>
    /// <exception cref="SpadeException">InvalidArgument: other shapes, or values that are not finite.</exception>
    public PackedPyramid Pack(FeaturePyramid features)
    {
        CheckShapes(features, nameof(features));
        CheckFinite(features);
        int levels = Space.Shapes.Count;
        var (codes, terms) = (new sbyte[]?[levels], new Half[]?[levels]);
        for (int level = 0; level < levels; level++)
            if (Sketches[level] is { } sketch) (codes[level], terms[level]) = Encode(features, level, sketch);
        return new PackedPyramid(this, features, codes, terms);
    }

    private (sbyte[] Codes, Half[] Terms) Encode(FeaturePyramid features, int level, LevelSketch sketch)
    {
        int[] cells = _order!.Cells(level);
        var (codes, terms) = (new sbyte[cells.Length * sketch.Length], new Half[cells.Length]);
        using var scratch = new AlignedBuffer<float>(sketch.ScratchLength);
        var rows = features.Level(level);
        for (int slot = 0; slot < cells.Length; slot += LevelSketch.Rows)
            sketch.EncodeGallery(rows, cells.AsSpan(slot, LevelSketch.Rows), scratch.Pointer, codes.AsSpan(slot * sketch.Length),
                terms.AsSpan(slot));
        return (codes, terms);
    }

    /// <summary>
    /// For every pixel of <paramref name="query"/>, its kappa nearest pixels in <paramref name="gallery"/>.
    /// </summary>
    /// <param name="gallery">Packed images with their positions in the order of image ids: ties go to the lowest position.</param>
    /// <param name="statistics">Adds up what the search did, if given.</param>
    /// <returns>One map on the finest selected grid for <see cref="Fusion.Concatenated"/>, one per level for
    /// <see cref="Fusion.PerLevel"/>.</returns>
    /// <exception cref="SpadeException">InvalidArgument: shapes, levels or options that do not fit.</exception>
    public PixelMatches[] Search(FeaturePyramid query, IReadOnlyList<(int Position, PackedPyramid Image)> gallery,
        PixelSearchOptions options, CancellationToken cancellationToken = default, SearchStatistics? statistics = null) =>
        Search(query, gallery, options, dense: false, cancellationToken, statistics);

    /// <param name="dense">Evaluates every pair in all channels: the baseline that pruning is measured against.</param>
    internal PixelMatches[] Search(FeaturePyramid query, IReadOnlyList<(int Position, PackedPyramid Image)> gallery,
        PixelSearchOptions options, bool dense, CancellationToken cancellationToken, SearchStatistics? statistics)
    {
        CheckShapes(query, nameof(query));
        CheckFinite(query);
        int[] levels = [.. options.Levels ?? Enumerable.Range(0, Space.Shapes.Count)];
        if (levels.Length == 0 || levels[0] < 0 || levels[^1] >= Space.Shapes.Count
            || levels.Zip(levels.Skip(1)).Any(p => p.First >= p.Second))
            throw new SpadeException(SpadeError.InvalidArgument,
                $"levels must be ascending indices from 0 to {Space.Shapes.Count - 1}, at least one");
        if (options.Window < 0) throw new SpadeException(SpadeError.InvalidArgument, "the search window must be at least 0");
        if (options.Kappa < 1) throw new SpadeException(SpadeError.InvalidArgument, "kappa must be at least 1");
        var images = gallery.OrderBy(g => g.Position).ToArray();
        foreach (var (_, image) in images)
            if (image.Index != this)
                throw new SpadeException(SpadeError.InvalidArgument,
                    "a gallery image was packed by another index; pack it with the one that searches");
        using var share = ProcessorShare.Begin(options.Threads);
        int[][] chains = options.Fusion == Fusion.Concatenated ? [levels] : [.. levels.Select(l => new[] { l })];
        return [.. chains.Select(chain =>
            chain.Length == 1 ? _levels.GetOrAdd(chain[0], level => new LevelSearch(this, new LevelChain(Space, _order, [level])))
                .Search(query, images, options, share.Threads, dense, cancellationToken, statistics)
            : _order is null ? UnnestedSearch.Search(this, chain, query, images, options, share.Threads, cancellationToken)
            : _searches.GetOrAdd(string.Join(',', chain), _ => new ChainSearch(this, new LevelChain(Space, _order, chain)))
                .Search(query, images, options, share.Threads, dense, cancellationToken, statistics))];
    }

    /// <summary>Centres and rounds one widened row of a depth; returns its term and factor.</summary>
    internal (float Term, float Factor) Quantise(LevelChain.Depth depth, float* row, float* scratch, short* codes)
    {
        float norm = CentredRows.Centre(row, _means[depth.Level].Pointer, Root(depth.Level), scratch, depth.RowLength);
        float factor = CentredRows.Quantise(scratch, norm, codes, depth.RowLength);
        return (CentredRows.Additive(norm, factor, _losses[depth.Level]), factor);
    }

    /// <summary>The same for a row of halves.</summary>
    internal (float Term, float Factor) Quantise(LevelChain.Depth depth, ReadOnlySpan<Half> row, float* scratch, short* codes)
    {
        HalfConversion.Widen(row, new Span<float>(scratch, row.Length));
        for (int i = row.Length; i < depth.RowLength; i++) scratch[i] = 0;
        return Quantise(depth, scratch, scratch, codes);
    }

    private float* Root(int level) => _rootWeights[level] is { } w ? w.Pointer : null;

    private void CheckShapes(FeaturePyramid features, string what)
    {
        if (!features.Shapes.SequenceEqual(Space.Shapes))
            throw new SpadeException(SpadeError.InvalidArgument,
                $"{what} has levels {string.Join(", ", features.Shapes)}, but the gallery's are {string.Join(", ", Space.Shapes)}; it "
                + $"comes from another model");
    }

    private static void CheckFinite(FeaturePyramid features)
    {
        for (int level = 0; level < features.Shapes.Count; level++)
            if (!HalfConversion.AllFinite(features.Level(level)))
                throw new SpadeException(SpadeError.InvalidArgument,
                    $"level {level + 1} of the features contains NaN or infinite values; check the model and its input scale");
    }
}
