namespace SpadeCluster.Neighbors;

/// <summary>What one or more searches did, per level. Pass the same object to several searches to add them up.</summary>
public sealed class SearchStatistics
{
    private readonly long[] _all, _sketched, _projected, _bounded, _exact;
    private readonly PixelSpace _space;
    private readonly int[] _sketchLengths, _projectionLengths;

    public SearchStatistics(PixelIndex index)
    {
        _space = index.Space;
        _sketchLengths = [.. index.Sketches.Select(s => s?.Length ?? 0)];
        _projectionLengths = [.. index.Space.Shapes.Select((_, level) => index.Projection(level)?.Length ?? 0)];
        int n = _space.Shapes.Count;
        (_all, _sketched, _projected, _bounded, _exact) = (new long[n], new long[n], new long[n], new long[n], new long[n]);
    }

    /// <summary>[level]: pairs of cells that exist.</summary>
    public IReadOnlyList<long> AllPairs => _all;

    /// <summary>[level]: pairs whose sketches were compared.</summary>
    public IReadOnlyList<long> SketchedPairs => _sketched;

    /// <summary>[level]: pairs whose projections were compared.</summary>
    public IReadOnlyList<long> ProjectedPairs => _projected;

    /// <summary>[level]: pairs compared in all channels, in int16.</summary>
    public IReadOnlyList<long> BoundedPairs => _bounded;

    /// <summary>[level]: pairs evaluated by the definition.</summary>
    public IReadOnlyList<long> ExactPairs => _exact;

    /// <summary>Share of a level's pairs that were compared in all channels, either way.</summary>
    public double Share(int level) => _all[level] == 0 ? 0 : (double)(_bounded[level] + _exact[level]) / _all[level];

    /// <summary>Multiplications and additions done, in 10^9.</summary>
    public double GigaOperations
    {
        get
        {
            double sum = 0;
            for (int l = 0; l < _all.Length; l++)
                sum += 2.0 * _sketched[l] * _sketchLengths[l] + 2.0 * _projected[l] * _projectionLengths[l]
                    + 2.0 * _bounded[l] * _space.Shapes[l].Channels + 3.0 * _exact[l] * _space.Shapes[l].Channels;
            return sum / 1e9;
        }
    }

    /// <summary>Gallery bytes read: sketches of visited cells and float16 rows that were widened.</summary>
    public long BytesTouched { get; private set; }

    internal void Add(LevelChain chain, int images)
    {
        lock (_all)
            foreach (var d in chain.Depths) _all[d.Level] += (long)images * d.Shape.Cells * d.Shape.Cells;
    }

    /// <param name="counts">[depth]: one thread's work.</param>
    internal void Add(LevelChain chain, ReadOnlySpan<SearchCounts> counts)
    {
        lock (_all)
        {
            for (int i = 0; i < counts.Length; i++)
            {
                int level = chain.Depths[i].Level;
                _sketched[level] += counts[i].Sketched;
                _projected[level] += counts[i].Projected;
                _bounded[level] += counts[i].Bounded;
                _exact[level] += counts[i].Exact;
                BytesTouched += counts[i].Bytes;
            }
        }
    }
}
