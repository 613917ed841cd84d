using System.Diagnostics;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Neighbors;
using SpadeCluster.Scoring;

namespace SpadeCluster.Evaluation;

/// <summary>
/// PatchCore (Roth et al. 2022) on a gallery's features, for comparisons with SPADE: a patch's score is its distance to the nearest patch
/// of all normals; the image's score is the highest of these, reweighted by the neighbourhood of its match (equation 7). Thresholds come
/// from the normals, as for SPADE.
/// </summary>
public sealed class PatchCore : IScoringService
{
    /// <summary>Patches of a match's neighbourhood, the match among them (the paper's b).</summary>
    public const int Neighbourhood = 9;

    private readonly FeatureEngine _engine;
    private readonly MemoryBank _bank;
    private readonly IReadOnlyList<FeaturePyramid> _pyramids;
    private readonly ScoringOptions _options;
    private readonly GaussianFilter _smoothing;
    private readonly int _threads;
    private GalleryManifest _manifest;

    private PatchCore(FeatureEngine engine, GalleryManifest manifest, IReadOnlyList<FeaturePyramid> pyramids, MemoryBank bank,
        ScoringOptions options, int threads)
        => (_engine, _manifest, _pyramids, _bank, _options, _smoothing, _threads)
            = (engine, manifest, pyramids, bank, options, new GaussianFilter(options.Sigma), threads);

    /// <param name="manifest">A gallery version in <paramref name="store"/>.</param>
    /// <param name="options">Smoothing and threshold settings; the others are not used.</param>
    /// <param name="coreset">Share of the normals' patches that is kept, above 0 and up to 1.</param>
    /// <param name="threads">Threads a search may use; 0: its share of the processors (all of them while nothing else runs).</param>
    /// <exception cref="SpadeException">ResourceExhausted: more patches than one array can hold. InvalidArgument: a gallery of
    /// tiles or copies.</exception>
    public static async ValueTask<PatchCore> BuildAsync(IGalleryStore store, IFeatureEngines engines, GalleryManifest manifest,
        ScoringOptions options, double coreset = 1, int seed = 0, int threads = 0, CancellationToken cancellationToken = default)
    {
        if (TileGrid.Of(manifest.Model, manifest.Preprocessing).RowCount > 1)
            throw new SpadeException(SpadeError.InvalidArgument,
                "the patchcore recipe takes photographs whole and as they are: leave out tiles and copies");
        threads = threads > 0 ? threads : Environment.ProcessorCount;
        var pyramids = new List<FeaturePyramid>();
        foreach (var image in manifest.Images)
            pyramids.Add(await store.ReadPyramidAsync(manifest.Category, image.Id, manifest.Model, cancellationToken));
        return new PatchCore(engines.For(manifest.Model, manifest.Preprocessing), manifest, pyramids,
            new MemoryBank(pyramids, coreset, seed, threads, cancellationToken), options with { Normalised = false }, threads);
    }

    /// <summary>Bytes kept for searches.</summary>
    public long Bytes => _bank.Bytes;

    /// <summary>Patches kept.</summary>
    public int Patches => _bank.Sources.Length;

    /// <summary>Learns thresholds: each normal is scored against the patches of the others.</summary>
    public GalleryManifest Calibrate(IProgress<int>? progress = null, CancellationToken cancellationToken = default)
    {
        int n = _pyramids.Count;
        var (scores, maps) = (new double[n], new double[n]);
        for (int i = 0; i < n; i++)
        {
            var result = Score(_pyramids[i], excluded: i, cancellationToken);
            (scores[i], maps[i]) = (result.Score!.Value, result.Map!.Max);
            progress?.Report(i + 1);
        }
        // PatchCore has no gate, so the score is also the gate distance.
        return _manifest = _manifest with { Calibration = Calibrator.Estimate(_manifest, _options, [.. scores], scores, maps, null) };
    }

    public async ValueTask<ScoredImage> ScoreAsync(string category, ImageSource source, CancellationToken cancellationToken = default)
    {
        var file = await source.ReadAsync(cancellationToken);
        long start = Stopwatch.GetTimestamp();
        var prepared = _engine.Preparer.Prepare(file, source.Name);
        double prepare = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        start = Stopwatch.GetTimestamp();
        var pyramid = (await TileFeatures.ExtractAsync(_engine.Extractor, prepared, cancellationToken))[0].Pyramid;
        double extract = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        var result = Score(pyramid, excluded: -1, cancellationToken, prepared.Frame);
        return new ScoredImage(source.Name, ImageId.Of(file), prepared, _manifest,
            result with { Times = result.Times with { Prepare = prepare, Extract = extract } });
    }

    /// <param name="excluded">A normal that is left out of the memory bank; -1: none.</param>
    /// <param name="frame">The part of the model's input that the photograph covers; null: all of it.</param>
    internal ScoreResult Score(FeaturePyramid pyramid, int excluded, CancellationToken cancellationToken = default, TileFrame? frame = null)
    {
        long start = Stopwatch.GetTimestamp();
        int cells = _bank.Height * _bank.Width;
        var patches = new float[Math.Max(cells, DotProducts.Tile) * _bank.Length];
        PatchFeatures.Write(pyramid, patches, _bank.Length);
        int[] nearest = _bank.Nearest(patches, excluded, _threads, cancellationToken);
        var matches = new PixelMatches(_bank.Height, _bank.Width, 1);
        var distances = new float[cells];
        for (int cell = 0; cell < cells; cell++)
        {
            distances[cell] = Distance(patches.AsSpan(cell * _bank.Length, _bank.Length), nearest[cell]);
            matches.Offer(cell, distances[cell], _bank.Sources[nearest[cell]] / cells, _bank.Sources[nearest[cell]] % cells);
        }
        int peak = Array.IndexOf(distances, distances.Max());
        double score = Reweighted(patches.AsSpan(peak * _bank.Length, _bank.Length), nearest[peak], distances[peak], excluded);
        double match = Stopwatch.GetElapsedTime(start).TotalMilliseconds;

        start = Stopwatch.GetTimestamp();
        var calibration = _manifest.Calibration;
        float[] scaled = [.. distances.Select(d => (float)(d * (calibration?.MapScale ?? 1)))];
        var gallery = GalleryTiles.Of(_manifest);
        var covered = frame ?? new TileFrame(0, 0, gallery.Grid.Width, gallery.Grid.Height);
        var map = AnomalyMap.From([scaled], _bank.Height, _bank.Width, gallery.Grid, covered, _smoothing);
        var result = new ScoreResult
        {
            GateDistance = score,
            Calibration = calibration,
            Neighbours = [],
            Map = map,
            Score = score,
            Tiles = [new TileMatches([matches], [.. _manifest.Images.Select(image => new GalleryTile(image.Id, 0))])],
            Gallery = gallery,
            Frame = covered,
            Times = new StageTimes { Match = match },
        };
        if (result.Anomalous == true) result = result with { Regions = AnomalyRegion.Find(map, result.RegionThreshold) };
        return result with { Times = result.Times with { Map = Stopwatch.GetElapsedTime(start).TotalMilliseconds } };
    }

    private float Distance(ReadOnlySpan<float> patch, int row) => MathF.Sqrt(PixelDistance.Squared(patch, _bank.Row(row), []));

    /// <summary>Equation 7: raises the score where the match's own neighbourhood is far from the patch, that is, where the match is
    /// rare.</summary>
    private double Reweighted(ReadOnlySpan<float> patch, int match, double distance, int excluded)
    {
        double others = 0;
        // All exponentials are divided by that of the match, which could overflow.
        foreach (int row in _bank.Neighbourhood(match, Neighbourhood, excluded)) others += Math.Exp(Distance(patch, row) - distance);
        return (1 - 1 / others) * distance;
    }
}
