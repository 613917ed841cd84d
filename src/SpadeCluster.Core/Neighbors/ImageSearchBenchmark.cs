namespace SpadeCluster.Neighbors;

/// <summary>What <see cref="ImageSearchBenchmark"/> measured.</summary>
/// <param name="MedianMs">Median of one call with all queries.</param>
/// <param name="ReadGigabytesPerSecond">Bytes of the rows over that time: every call reads all rows once.</param>
/// <param name="CopyGigabytesPerSecond">Bytes read plus bytes written by a plain copy on as many threads, same run, alternating.</param>
/// <param name="PeerMedianMs">The peer's median, measured in turns with ours; null without a peer.</param>
public sealed record ImageSearchBenchmarkResult(
    int Rows, int Length, int Queries, int Neighbours, int Threads, double MedianMs, double MinMs, double ReadGigabytesPerSecond,
    double CopyGigabytesPerSecond, double? PeerMedianMs = null)
{
    public double? PeerRatio => PeerMedianMs / MedianMs;

    public double BandwidthShare => ReadGigabytesPerSecond / CopyGigabytesPerSecond;
}

/// <summary>Times the image search over random rows against the machine's memory bandwidth.</summary>
public static unsafe class ImageSearchBenchmark
{
    private const long CopyFloats = 64 << 20;

    /// <param name="peer">Does the same work in another program and returns its milliseconds.</param>
    public static ImageSearchBenchmarkResult Run(int rows, int length, int queries, int neighbours, int threads, int rounds,
        Func<double>? peer = null, CancellationToken cancellationToken = default)
    {
        threads = threads > 0 ? threads : Environment.ProcessorCount;
        using var index = new ImageIndex(length);
        var random = new Random(1);
        var row = new float[length];
        for (int i = 0; i < rows; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            for (int c = 0; c < length; c++) row[c] = random.NextSingle();
            index.Add(row);
        }
        ReadOnlyMemory<float>[] wanted =
            [.. Enumerable.Range(0, queries).Select(q => (ReadOnlyMemory<float>)index.Row((int)((long)q * rows / queries)).ToArray())];
        using AlignedBuffer<float> from = new(CopyFloats), to = new(CopyFloats);

        List<double> searches = [], copies = [], peers = [];
        for (int round = -1; round < rounds; round++)
        {
            // The peer has just filled the caches with its own data, so one search is not timed. (Peers warm up themselves.)
            if (peer is not null) index.Search(wanted, neighbours, threads, cancellationToken);
            double search = PixelSearchBenchmark.Time(() => index.Search(wanted, neighbours, threads, cancellationToken));
            double copy = PixelSearchBenchmark.Time(() => WorkSharing.Run(threads, 64, cancellationToken, (_, i) =>
                Buffer.MemoryCopy(
                    from.Pointer + i * CopyFloats / 64, to.Pointer + i * CopyFloats / 64, CopyFloats / 64 * 4, CopyFloats / 64 * 4)));
            // The first round only warms up.
            if (round < 0) continue;
            searches.Add(search);
            copies.Add(copy);
            if (peer is not null) peers.Add(peer());
        }
        double median = PixelSearchBenchmark.Median(searches);
        return new ImageSearchBenchmarkResult(rows, length, queries, neighbours, threads, median, searches[0],
            4.0 * rows * length / median / 1e6, 2 * 4.0 * CopyFloats / PixelSearchBenchmark.Median(copies) / 1e6,
            peer is null ? null : PixelSearchBenchmark.Median(peers));
    }
}
