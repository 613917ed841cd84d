using System.Diagnostics;
using SpadeCluster.Features;
using SpadeCluster.Galleries;
using SpadeCluster.Neighbors;

namespace SpadeCluster.Scoring;

/// <summary>
/// Scores an image against a gallery version: gate, fan-out to shards, merge, map, verdict. The shards' answers are merged by
/// (distance, row id, y, x), so the result is the same bits for any number of shards. An image in tiles is searched tile by tile;
/// its map, score and verdict are those of the whole photograph.
/// </summary>
/// <param name="model">Model of the gallery.</param>
/// <param name="imageCount">Images in all shards together.</param>
/// <param name="shards">Every shard of the version; one that fails makes the call fail, never a partial answer.</param>
/// <param name="threads">Threads the pixel searches of an image may use; 0: their share of the processors (all of them
/// while nothing else runs).</param>
/// <param name="stage">Gets each stage's name and milliseconds: retrieve, gate, match, merge, smooth, regions.</param>
/// <param name="tiles">Rows of the gallery; null: each image is one.</param>
public sealed class ScoringCoordinator(FeatureModel model, int imageCount, IReadOnlyList<IGalleryShard> shards, int threads = 0,
    Action<string, double>? stage = null, GalleryTiles? tiles = null)
{
    private readonly GalleryTiles _tiles = tiles ?? GalleryTiles.Whole(model);

    /// <summary>Prepares the shards and the usual distances, while an image is decoded: the first search need not wait for them
    /// then.</summary>
    public Task OpenAsync(Calibration? calibration, CancellationToken cancellationToken = default) => Task.WhenAll(
        [Task.Run(() => calibration?.Usual?.Prepare(), cancellationToken), .. shards.Select(s => s.OpenAsync(cancellationToken).AsTask())]);

    /// <param name="query">The image.</param>
    /// <param name="options">Settings; a verdict is meaningful only with the settings of <paramref name="calibration"/>.</param>
    /// <param name="calibration">Thresholds, or null for scores without a verdict.</param>
    /// <param name="exclude">A gallery image to leave out.</param>
    /// <exception cref="SpadeException">FailedPrecondition: empty gallery, or a policy that needs a calibration.
    /// InvalidArgument: settings the gallery cannot serve, or tiles that are not the gallery's.</exception>
    public async ValueTask<ScoreResult> ScoreAsync(QueryImage query, ScoringOptions options, Calibration? calibration,
        ImageId? exclude = null, CancellationToken cancellationToken = default)
    {
        int available = imageCount - (exclude is null ? 0 : 1);
        var grid = _tiles.Grid;
        if (query.Tiles.Count != grid.Count)
            throw new SpadeException(SpadeError.InvalidArgument,
                $"the image comes in {query.Tiles.Count} tiles, but the gallery's have {grid.Count}: prepare it as the gallery's were");
        if (available < 1) throw new SpadeException(SpadeError.FailedPrecondition, "the gallery is empty: add normal images first");
        if (exclude is null) options.Check(imageCount, model.Levels.Count);
        if (calibration is null && options.GatePolicy != GatePolicy.Always)
            throw new SpadeException(SpadeError.FailedPrecondition,
                $"gate policy {options.GatePolicy} needs a calibrated gallery: run 'spade gallery calibrate', or use policy always");

        int reach = _tiles.HasRegion ? 0 : options.TileReach ?? calibration?.Options.TileReach ?? ScoringOptions.Anywhere;
        long start = Stopwatch.GetTimestamp();
        var retrieved = new Retrieved[grid.Count];
        int[] inspected = [.. Enumerable.Range(0, grid.Count).Where(_tiles.Inspects)];
        await ForEachAsync(inspected, async (t, ct) => retrieved[t] = await RetrieveAsync(query.Tiles[t].Pooled, t), cancellationToken);
        double retrieve = Lap("retrieve", ref start);
        var farthest = inspected.Select(t => retrieved[t]).MaxBy(r => r.Distance)!;
        var result = new ScoreResult
        {
            GateDistance = farthest.Distance,
            Calibration = calibration,
            Neighbours = [.. farthest.Neighbours.Select(n =>
                n with { Id = _tiles[n.Id].Photograph, Orientation = _tiles[n.Id].Orientation })
                .DistinctBy(n => n.Id)],
            Times = new StageTimes { Retrieve = retrieve },
            Gallery = _tiles,
            Frame = query.Frame ?? new TileFrame(0, 0, grid.Width, grid.Height),
        };
        bool localised = IsLocalised(query, options, result);
        Lap("gate", ref start);
        if (!localised) return result;

        var found = new TileMatches[grid.Count];
        Array.Fill(found, Unsearched(options));
        long merging = 0;
        await ForEachAsync(inspected, async (t, ct) => found[t] = await MatchAsync(query.Tiles[t], retrieved[t], ct), cancellationToken);
        double match = Lap("match", ref start);
        stage?.Invoke("merge", TimeSpan.FromTicks(merging).TotalMilliseconds);

        AnomalyMap map;
        double score;
        if (calibration?.Usual is { } usual)
        {
            (score, map) = Normalise(found, result.Frame, usual, calibration.MapScale, options.Sigma, exclude);
        }
        else
        {
            map = Enlarge([.. found.Select(f => AnomalyMap.Sum(f.Maps))], found[0].Maps[0], result.Frame, new(options.Sigma));
            score = map.Score;
        }
        double smooth = Lap("smooth", ref start);
        result = result with { Map = map, Score = score, Tiles = found };
        if (result.Anomalous == true) result = result with { Regions = AnomalyRegion.Find(map, result.RegionThreshold) };
        return result with { Times = result.Times with { Match = match, Map = smooth + Lap("regions", ref start) } };

        async Task<Retrieved> RetrieveAsync(ReadOnlyMemory<float> pooled, int tile)
        {
            IReadOnlyList<int>? near = grid.Count == 1 ? null : grid.Near(tile, reach);
            int rows = available * (near?.Count ?? 1) * grid.Orientations.Count;
            int gateCount = Math.Min(options.GateNeighbours, rows);
            int galleryCount = Math.Min(options.GalleryNeighbours ?? ScoringOptions.DefaultGalleryNeighbours, rows);
            var answers = await Task.WhenAll(shards.Select(s =>
                s.NearestAsync(pooled, Math.Max(gateCount, galleryCount), exclude, near, cancellationToken).AsTask()));
            var merged = answers.SelectMany((a, shard) => a.Select(n => (Neighbour: n, Shard: shard)))
                .OrderBy(x => x.Neighbour.Distance).ThenBy(x => x.Neighbour.Id).Take(Math.Max(gateCount, galleryCount)).ToArray();
            double distance = 0;
            foreach (var n in merged.Take(gateCount)) distance += n.Neighbour.Distance;
            // Positions in ascending order of id: the pixel search breaks ties by position.
            var picks = merged.Take(galleryCount).OrderBy(n => n.Neighbour.Id)
                .Select((n, position) => (new GalleryPick(position, n.Neighbour.Id), n.Shard));
            return new Retrieved([.. merged.Select(x => x.Neighbour)], distance / gateCount, [.. picks]);
        }

        async Task<TileMatches> MatchAsync(QueryTile tile, Retrieved near, CancellationToken stop)
        {
            var pyramid = await tile.Pyramid(stop);
            var search = new PixelSearchOptions(options.Fusion, options.Kappa, options.Levels,
                threads > 0 ? Math.Max(1, threads / grid.Count) : 0, options.Window);
            var parts = await Task.WhenAll(near.Picks.GroupBy(p => p.Shard)
                .Select(g => shards[g.Key].MatchAsync(pyramid, [.. g.Select(p => p.Pick)], search, stop).AsTask()));
            long merge = Stopwatch.GetTimestamp();
            var merged = parts[0];
            foreach (var part in parts.Skip(1))
                foreach (var (mine, theirs) in merged.Zip(part)) mine.Merge(theirs);
            Interlocked.Add(ref merging, Stopwatch.GetElapsedTime(merge).Ticks);
            return new TileMatches(merged, [.. near.Picks.Select(p => _tiles[p.Pick.Id])]);
        }
    }

    /// <summary>The tile number of the nearest row, with one photograph left out.</summary>
    internal async ValueTask<int> NearestTileAsync(ReadOnlyMemory<float> pooled, ImageId exclude, CancellationToken cancellationToken)
    {
        var tiles = _tiles.Grid.Near(0, ScoringOptions.Anywhere);
        var answers = await Task.WhenAll(shards.Select(s => s.NearestAsync(pooled, 1, exclude, tiles, cancellationToken).AsTask()));
        return _tiles[answers.SelectMany(a => a).OrderBy(n => n.Distance).ThenBy(n => n.Id).First().Id].Tile;
    }

    /// <summary>Score and map of an image by relative distances (<see cref="UsualDistances"/>).</summary>
    internal (double Score, AnomalyMap Map) Normalise(IReadOnlyList<TileMatches> found, TileFrame frame, UsualDistances usual,
        double mapScale, double sigma, ImageId? exclude)
    {
        var smoothing = new GaussianFilter(sigma);
        var (scores, maps) = (new float[found.Count][], new float[found.Count][]);
        for (int t = 0; t < found.Count; t++)
        {
            (scores[t], maps[t]) = usual.Normalise(found[t].Maps[0], found[t].Found, t, _tiles.Grid, exclude, (frame, _tiles.Frame));
            for (int cell = 0; cell < maps[t].Length; cell++) maps[t][cell] = (float)(maps[t][cell] * mapScale);
        }
        var cells = found[0].Maps[0];
        return (Enlarge(scores, cells, frame, smoothing).MeanOfHighest(ScoringOptions.NormalisedShare),
            Enlarge(maps, cells, frame, smoothing));
    }

    private AnomalyMap Enlarge(float[][] grids, PixelMatches cells, TileFrame frame, GaussianFilter smoothing) =>
        AnomalyMap.From(grids, cells.Height, cells.Width, _tiles.Grid, frame, smoothing);

    /// <summary>Runs tiles in parallel: searches that do not wait for each other use the threads best.</summary>
    private Task ForEachAsync(int[] tiles, Func<int, CancellationToken, Task> work, CancellationToken cancellationToken)
        => tiles.Length == 1 ? work(tiles[0], cancellationToken)
        : Parallel.ForEachAsync(tiles,
            new ParallelOptions
            {
                MaxDegreeOfParallelism = threads > 0 ? threads : Environment.ProcessorCount,
                CancellationToken = cancellationToken,
            },
            async (tile, stop) => await work(tile, stop));

    /// <summary>What is known of a tile outside the region of interest: nothing was compared.</summary>
    private TileMatches Unsearched(ScoringOptions options)
    {
        var levels = options.Levels ?? [.. Enumerable.Range(0, model.Levels.Count)];
        return new TileMatches([.. levels.Take(options.Fusion == Fusion.Concatenated ? 1 : levels.Count)
            .Select(l => new PixelMatches(model.Levels[l].Height, model.Levels[l].Width, options.Kappa))], []);
    }

    private static bool IsLocalised(QueryImage query, ScoringOptions options, ScoreResult result) => options.GatePolicy switch
    {
        GatePolicy.Always => true,
        _ when result.Flagged == true => true,
        // By content, not at random: a repeated call must have the same result.
        GatePolicy.GateOrSample => query.Id.Value < options.AuditShare * ulong.MaxValue,
        _ => false,
    };

    private double Lap(string name, ref long start)
    {
        long now = Stopwatch.GetTimestamp();
        double ms = Stopwatch.GetElapsedTime(start, now).TotalMilliseconds;
        start = now;
        stage?.Invoke(name, ms);
        return ms;
    }

    /// <param name="Neighbours">The nearest rows, nearest first.</param>
    /// <param name="Distance">Mean distance of as many of them as the gate uses.</param>
    /// <param name="Picks">Rows for the pixel search, and the shards that hold them.</param>
    private sealed record Retrieved(IReadOnlyList<Neighbour> Neighbours, double Distance,
        IReadOnlyList<(GalleryPick Pick, int Shard)> Picks);
}
