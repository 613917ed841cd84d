using System.Diagnostics;
using SpadeCluster.Features;

namespace SpadeCluster.Neighbors;

/// <summary>What <see cref="PixelSearchBenchmark"/> measured. Work is per query, averaged.</summary>
/// <param name="MedianMs">Median over all timed searches.</param>
/// <param name="DenseMedianMs">The same search bounding every pair in all channels, same queries, same run; NaN when not asked for.</param>
/// <param name="SharePerLevel">[level, finest first]: pairs compared in all channels over all pairs.</param>
/// <param name="SketchedPerLevel">[level, finest first]: pairs whose sketches or projections were compared over all pairs.</param>
/// <param name="GigaOperations">Multiplications and additions, in 10^9.</param>
/// <param name="BytesTouched">Gallery bytes read.</param>
/// <param name="PeerMedianMs">The peer's median, measured in turns with ours; NaN without a peer.</param>
/// <param name="CancelledWithinMs">The longest time from a cancellation to its exception; dense searches are cancelled at
/// seeded moments.</param>
public sealed record PixelSearchBenchmarkResult(
    int Queries, int GalleryImages, int Threads, double MedianMs, double MinMs, double DenseMedianMs,
    IReadOnlyList<double> SharePerLevel, IReadOnlyList<double> SketchedPerLevel, double GigaOperations, long BytesTouched,
    long ResidentBytesPerImage, double PeerMedianMs, double CancelledWithinMs)
{
    /// <summary>How many times longer the dense search takes.</summary>
    public double DenseRatio => DenseMedianMs / MedianMs;

    /// <summary>How many times longer the peer takes.</summary>
    public double PeerRatio => PeerMedianMs / MedianMs;
}

/// <summary>Times the pixel search: rounds over all queries, alternating with the dense search and a peer if given.</summary>
public static class PixelSearchBenchmark
{
    private const int WarmUp = 8, Cancellations = 20;

    /// <param name="rounds">Timed rounds over all queries.</param>
    /// <param name="denseSearches">Dense searches to time, spread over the rounds; 0 for none.</param>
    /// <param name="peer">Runs a peer's same search once and returns its milliseconds per query; called once a round.</param>
    public static PixelSearchBenchmarkResult Run(
        PixelIndex index, IReadOnlyList<FeaturePyramid> queries, IReadOnlyList<(int Position, PackedPyramid Image)> gallery,
        PixelSearchOptions options, int rounds, int denseSearches = 1, Func<double>? peer = null,
        CancellationToken cancellationToken = default)
    {
        var statistics = new SearchStatistics(index);
        foreach (var query in queries) index.Search(query, gallery, options, cancellationToken, statistics);
        for (int i = 0; i < WarmUp; i++) index.Search(queries[i % queries.Count], gallery, options, cancellationToken);

        List<double> times = [], dense = [], peers = [];
        for (int round = 0; round < rounds; round++)
        {
            foreach (var query in queries) times.Add(Time(() => index.Search(query, gallery, options, cancellationToken)));
            for (int i = denseSearches * round / rounds; i < denseSearches * (round + 1) / rounds; i++)
                dense.Add(Time(() => index.Search(queries[i % queries.Count], gallery, options, dense: true, cancellationToken, null)));
            if (peer is not null) peers.Add(peer());
        }
        int levels = index.Space.Shapes.Count;
        return new PixelSearchBenchmarkResult(
            queries.Count, gallery.Count, options.Threads > 0 ? options.Threads : Environment.ProcessorCount,
            Median(times), times.Min(), Median(dense),
            [.. Enumerable.Range(0, levels).Select(statistics.Share)],
            [.. Enumerable.Range(0, levels)
                .Select(l => statistics.AllPairs[l] == 0
                    ? 0 : (double)(statistics.SketchedPairs[l] + statistics.ProjectedPairs[l]) / statistics.AllPairs[l])],
            statistics.GigaOperations / queries.Count, statistics.BytesTouched / queries.Count,
            gallery.Count == 0 ? 0 : gallery.Max(g => g.Image.ResidentBytes), Median(peers),
            Cancel(index, queries, gallery, options));
    }

    /// <summary>Cancels dense searches, which last long enough, at seeded moments.</summary>
    private static double Cancel(PixelIndex index, IReadOnlyList<FeaturePyramid> queries,
        IReadOnlyList<(int Position, PackedPyramid Image)> gallery, PixelSearchOptions options)
    {
        var random = new Random(1);
        double longest = 0;
        for (int i = 0; i < Cancellations; i++)
        {
            using var source = new CancellationTokenSource();
            long cancelled = 0;
            source.Token.Register(() => Volatile.Write(ref cancelled, Stopwatch.GetTimestamp()));
            source.CancelAfter(random.Next(1, 100));
            try
            {
                index.Search(queries[i % queries.Count], gallery, options, dense: true, source.Token, null);
            }
            catch (OperationCanceledException)
            {
                // 0: the search saw the cancellation before its moment was noted.
                if (Volatile.Read(ref cancelled) is > 0 and var at)
                    longest = Math.Max(longest, Stopwatch.GetElapsedTime(at).TotalMilliseconds);
            }
        }
        return longest;
    }

    internal static double Time(Action action)
    {
        long start = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    internal static double Median(List<double> values)
    {
        if (values.Count == 0) return double.NaN;
        values.Sort();
        return (values[(values.Count - 1) / 2] + values[values.Count / 2]) / 2;
    }
}
