using System.Runtime.Intrinsics;

namespace SpadeCluster.Neighbors;

/// <summary>One neighbour of a pooled feature: its row in the index and its squared distance.</summary>
public readonly record struct ImageMatch(int Row, float Distance);

/// <summary>
/// Exact nearest neighbours among pooled image features, the images of SPADE's equation (2). Every row is read once for all queries of a
/// call and compared by <see cref="PixelDistance"/>, so distances have the same bits for any number of threads and indexes, and the search
/// runs as fast as memory delivers the rows. Rows live outside the managed heap in blocks that never move: adding copies nothing. Safe for
/// concurrent searches and additions; a search sees the rows that were there when it started.
/// </summary>
public sealed unsafe class ImageIndex : IDisposable
{
    private const long BlockBytes = 8 << 20;

    /// <summary>Queries compared while a row is in the first-level cache.</summary>
    private const int QueriesPerPass = 8;
    private const int RowsPerItem = 128;

    private readonly int _padded, _rowsPerBlock;
    private readonly AlignedBuffer<float>? _weights;
    private readonly Lock _adding = new();
    private AlignedBuffer<float>[] _blocks = [];
    private int _count;

    /// <param name="length">Values of a pooled feature.</param>
    /// <param name="weights">Channel weights, positive and finite; null: all 1.</param>
    /// <param name="rows">Number of rows to expect: a block of memory is not larger than they need.</param>
    /// <exception cref="SpadeException">InvalidArgument: weights of another length, or not positive and finite.</exception>
    public ImageIndex(int length, float[]? weights = null, int rows = int.MaxValue)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);
        if (weights is not null && (weights.Length != length || weights.Any(w => !float.IsFinite(w) || w <= 0)))
            throw new SpadeException(SpadeError.InvalidArgument, $"pooled features need {length} positive, finite channel weights");
        Length = length;
        (_padded, _rowsPerBlock) = Layout(length, rows);
        _weights = weights is null ? null : CentredRows.Padded(weights, _padded);
    }

    /// <summary>Values of a pooled feature.</summary>
    public int Length { get; }

    /// <summary>Bytes of an index of <paramref name="rows"/> rows that was created for that many.</summary>
    public static long ResidentBytes(int length, int rows)
    {
        var (padded, perBlock) = Layout(length, rows);
        return 4L * padded * perBlock * ((rows + perBlock - 1) / perBlock);
    }

    /// <summary>Rows added so far.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Appends one pooled feature; returns its row, counted from 0.</summary>
    /// <exception cref="SpadeException">InvalidArgument: another length, NaN or infinite values.</exception>
    public int Add(ReadOnlySpan<float> pooled)
    {
        Check(pooled);
        lock (_adding)
        {
            int row = _count;
            if (row / _rowsPerBlock == _blocks.Length)
                Volatile.Write(ref _blocks, [.. _blocks, new AlignedBuffer<float>((long)_rowsPerBlock * _padded)]);
            pooled.CopyTo(new Span<float>(_blocks[row / _rowsPerBlock].Pointer + (long)(row % _rowsPerBlock) * _padded, Length));
            // The count is published last, so a search that sees it also sees the row.
            Volatile.Write(ref _count, row + 1);
            return row;
        }
    }

    /// <summary>The stored feature of a row.</summary>
    public ReadOnlySpan<float> Row(int row)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)Count, nameof(row));
        return new(_blocks[row / _rowsPerBlock].Pointer + (long)(row % _rowsPerBlock) * _padded, Length);
    }

    /// <summary>The nearest rows of each query, ascending by (squared distance, row); fewer than <paramref name="k"/> when
    /// the index holds fewer.</summary>
    /// <param name="threads">Threads the search may use; 0 for all processors.</param>
    /// <exception cref="SpadeException">InvalidArgument: another length, NaN or infinite values.</exception>
    public ImageMatch[][] Search(IReadOnlyList<ReadOnlyMemory<float>> queries, int k, int threads = 0,
        CancellationToken cancellationToken = default) =>
        Search(queries, k, threads, SimdPaths.Best, cancellationToken);

    internal ImageMatch[][] Search(IReadOnlyList<ReadOnlyMemory<float>> queries, int k, int threads, SimdPath path,
        CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(k);
        foreach (var query in queries) Check(query.Span);
        threads = threads > 0 ? threads : Environment.ProcessorCount;
        int count = Count;
        var blocks = Volatile.Read(ref _blocks);
        k = Math.Min(k, count);
        using var rows = new AlignedBuffer<float>((long)queries.Count * _padded);
        for (int q = 0; q < queries.Count; q++) queries[q].Span.CopyTo(new Span<float>(rows.Pointer + (long)q * _padded, Length));
        float* queryRows = rows.Pointer;

        var nearest = new NearestRows[threads, queries.Count];
        for (int t = 0; t < threads; t++)
            for (int q = 0; q < queries.Count; q++) nearest[t, q] = new NearestRows(k);
        int items = k == 0 ? 0 : (count + RowsPerItem - 1) / RowsPerItem;
        WorkSharing.Run(threads, items, cancellationToken, (t, item) =>
        {
            int end = Math.Min((item + 1) * RowsPerItem, count);
            for (int first = 0; first < queries.Count; first += QueriesPerPass)
                for (int row = item * RowsPerItem; row < end; row++)
                    Compare(blocks, row, queryRows, first, Math.Min(first + QueriesPerPass, queries.Count), nearest, t, path);
        });

        var found = new ImageMatch[queries.Count][];
        for (int q = 0; q < found.Length; q++)
        {
            for (int t = 1; t < threads; t++) nearest[0, q].Merge(nearest[t, q]);
            found[q] = nearest[0, q].ToArray();
        }
        GC.KeepAlive(this);
        return found;
    }

    private static (int Padded, int RowsPerBlock) Layout(int length, int rows)
    {
        int padded = (length + PixelDistance.Lanes - 1) / PixelDistance.Lanes * PixelDistance.Lanes;
        return (padded, (int)Math.Clamp(BlockBytes / (4L * padded), 1, Math.Max(1, rows)));
    }

    /// <summary>Frees the rows; no search may be running.</summary>
    public void Dispose()
    {
        lock (_adding)
        {
            foreach (var block in _blocks) block.Dispose();
            (_blocks, _count) = ([], 0);
        }
    }

    private void Compare(AlignedBuffer<float>[] blocks, int row, float* queries, int from, int to, NearestRows[,] nearest, int thread,
        SimdPath path)
    {
        float* values = blocks[row / _rowsPerBlock].Pointer + (long)(row % _rowsPerBlock) * _padded;
        float* weights = _weights is null ? null : _weights.Pointer;
        for (int q = from; q < to; q++)
            nearest[thread, q].Offer(new(row, PixelDistance.Squared(queries + (long)q * _padded, values, weights, _padded, path)));
    }

    private void Check(ReadOnlySpan<float> pooled)
    {
        if (pooled.Length != Length)
            throw new SpadeException(SpadeError.InvalidArgument,
                $"a pooled feature has {pooled.Length} values, but the gallery's have {Length}; it comes from another model");
        var sum = Vector256<float>.Zero;
        int i = 0;
        // x - x is 0 for finite x and NaN otherwise.
        for (; i <= pooled.Length - 8; i += 8)
        {
            var x = Vector256.Create(pooled.Slice(i, 8));
            sum += x - x;
        }
        bool finite = Vector256.EqualsAll(sum, Vector256<float>.Zero);
        for (; i < pooled.Length; i++) finite &= float.IsFinite(pooled[i]);
        if (!finite)
            throw new SpadeException(SpadeError.InvalidArgument,
                "a pooled feature contains NaN or infinite values; check the model and its input scale");
    }
}
