using System.Diagnostics;
using Orleans.Concurrency;
using SpadeCluster.Galleries;
using SpadeCluster.Cluster.Categories;
using SpadeCluster.Cluster.Extraction;
using SpadeCluster.Cluster.Shards;
using SpadeCluster.Telemetry;
using SpadeCluster.Scoring;

namespace SpadeCluster.Cluster.Scoring;

/// <summary>
/// Runs Core's <see cref="ScoringCoordinator"/> over the cluster's shards, with the version to score with. The category's grain reports the
/// current version, so that images need no call to the store; <see cref="ScoringVersions"/> chooses the version that decides. Images
/// run in parallel on the thread pool. One reentrant worker per silo, because with several Orleans may deliver a call's cancellation to the
/// wrong one.
/// </summary>
[StatelessWorker(1), Reentrant, CollectionAgeLimit(Minutes = 10)]
internal sealed class CoordinatorGrain(
    IGalleryStore store, ManifestCache manifests, ShardCoordinators coordinators, BoundedDecoding decoding, ExtractorPool extractors,
    CategoryVersions versions, ScoringVersions scoring, TimeProvider clock)
    : Grain, ICoordinatorGrain
{
    private const int VersionAttempts = 3, TilesAtOnce = 8;

    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _lock = new();
    private volatile Known? _known;

    /// <summary>The last version whose shards were opened ahead of a search.</summary>
    private int _opened;

    private string Category => this.GetPrimaryKeyString();

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        Task.Run(WatchAsync, cancellationToken).Ignore();
        return Task.CompletedTask;
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken) => _stop.CancelAsync();

    public async Task<CoordinatedScore> ScoreAsync(ImageFile image, CancellationToken cancellationToken)
    {
        try
        {
            return await Task.Run(() => ScoreCurrentAsync(image, cancellationToken), cancellationToken);
        }
        catch (SpadeException e) when (e.Error == SpadeError.NotFound)
        {
            // A name without a category must not leave an activation.
            DeactivateOnIdle();
            throw;
        }
    }

    public Task<CoordinatedScore> ScoreVersionAsync(ImageFile image, int version, CancellationToken cancellationToken)
        => Task.Run(async () => await ScoreAsync(await manifests.GetAsync(Category, version, cancellationToken), image, cancellationToken),
            cancellationToken);

    public async Task AdvanceAsync(int version, CancellationToken cancellationToken)
    {
        if (_known is not { } known || known.Current >= version) return;
        try
        {
            Learn(version, await ChooseAsync(version, cancellationToken), known.Until);
        }
        catch (Exception e) when (e is VersionGoneException or SpadeException { Error: SpadeError.NotFound })
        {
            // Compacted away, or the version deletes the category: the next image reads the version from the store.
            _known = null;
        }
    }

    private async Task<CoordinatedScore> ScoreCurrentAsync(ImageFile image, CancellationToken cancellationToken)
    {
        using var activity = SpadeMeter.Activities.StartActivity("spade.score")?.SetTag("spade.category", Category);
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                var manifest = _known is { } known && known.Until > clock.GetTimestamp() ? known.Manifest
                    : await ChooseAsync(await CurrentAsync(cancellationToken), cancellationToken);
                OpenAhead(manifest);
                return await ScoreAsync(manifest, image, cancellationToken);
            }
            catch (VersionGoneException e) when (attempt < VersionAttempts)
            {
                // The version was compacted away after it was chosen: choose again from the store.
                activity?.AddEvent(new ActivityEvent(e.Message));
                scoring.Forget(Category);
                _known = null;
            }
        }
    }

    private async ValueTask<int> CurrentAsync(CancellationToken cancellationToken)
        => await store.ReadCurrentVersionAsync(CategoryName.Check(Category), cancellationToken)
            ?? throw new SpadeException(SpadeError.NotFound, $"no category '{Category}'; 'spade gallery list' shows what there is");

    /// <summary>The version to score with while <paramref name="current"/> is the current one.</summary>
    private async ValueTask<GalleryManifest> ChooseAsync(int current, CancellationToken cancellationToken)
    {
        // The current version is read in any case: if it is damaged, that is an error, not a reason to use an older version.
        var manifest = await manifests.GetAsync(Category, current, cancellationToken);
        return manifest is { Calibration: not null, Trial: false } ? manifest
            : await manifests.GetAsync(Category, await scoring.ChooseAsync(Category, current, cancellationToken), cancellationToken);
    }

    private async Task<CoordinatedScore> ScoreAsync(GalleryManifest manifest, ImageFile image, CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        // Decoding uses one processor, so another can hash the file.
        var id = Task.Run(() => ImageId.Of(image.Bytes), cancellationToken);
        var prepared = await decoding.PrepareAsync(manifest.Preprocessing, image.Bytes, image.Name, cancellationToken);
        double prepare = Lap("decode", ref start);

        var settings = Settings(manifest);
        var extracted = new Extracted[prepared.Tiles.Count];
        // In parallel, but few at a time, so that a large photograph does not fill the extractors' queues.
        await Parallel.ForEachAsync(Enumerable.Range(0, extracted.Length),
            new ParallelOptions { MaxDegreeOfParallelism = TilesAtOnce, CancellationToken = cancellationToken },
            async (tile, stop) => extracted[tile] = await extractors.ExtractAsync(new ExtractRequest(manifest.Model, manifest.Preprocessing,
                prepared.Tile(tile).Pixels, WithPyramid: settings.GatePolicy == GatePolicy.Always), stop));
        double extract = Lap("extracted", ref start);
        try
        {
            var query = new QueryImage(await id, [.. extracted.Select(e => new QueryTile(e.Pooled, e.PyramidAsync))],
                prepared.Frame);
            var result = await coordinators.For(manifest)
                .ScoreAsync(query, settings, manifest.Calibration, cancellationToken: cancellationToken);
            return new CoordinatedScore(query.Id, prepared, manifest.Version,
                result with { Times = result.Times with { Prepare = prepare, Extract = extract } });
        }
        finally
        {
            foreach (var tile in extracted) await tile.ReleaseAsync();
        }
    }

    /// <summary>Watches the category's version. The known version holds as long as the category's grain answers; otherwise every image
    /// reads the version from the store.</summary>
    private async Task WatchAsync()
    {
        int? seen = null;
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                int version = await versions.WaitAsync(Category, seen, _stop.Token);
                Learn(version, await ChooseAsync(version, _stop.Token),
                    clock.GetTimestamp() + (long)(2 * CategoryGrain.PollTime.TotalSeconds * clock.TimestampFrequency));
                seen = version;
            }
            catch (Exception)
            {
                // No such category, or its grain cannot be reached; scoring the next image reports that.
                _known = null;
                await Task.Delay(CategoryGrain.PollTime, clock, _stop.Token);
            }
        }
    }

    /// <summary>Versions only increase: a newer version that was learned in the meantime is kept.</summary>
    private void Learn(int current, GalleryManifest manifest, long until)
    {
        lock (_lock)
            _known = _known is { } known && known.Current > current ? known with { Until = until } : new Known(current, manifest, until);
    }

    /// <summary>Opens a version's shards while its first image is decoded and its features are computed. A failure is the search's to
    /// report. With a gate, most images need no pixel search.</summary>
    private void OpenAhead(GalleryManifest manifest)
    {
        if (Interlocked.Exchange(ref _opened, manifest.Version) == manifest.Version || Settings(manifest).GatePolicy != GatePolicy.Always)
            return;
        coordinators.For(manifest).OpenAsync(manifest.Calibration, _stop.Token).Ignore();
    }

    private static ScoringOptions Settings(GalleryManifest manifest)
        => manifest.Calibration?.Options ?? ScoringOptions.DefaultFor(manifest.Images.Count);

    private static double Lap(string stage, ref long start)
    {
        long now = Stopwatch.GetTimestamp();
        var time = Stopwatch.GetElapsedTime(start, now);
        start = now;
        SpadeMeter.Stage(stage, time.TotalMilliseconds);
        return time.TotalMilliseconds;
    }

    /// <param name="Current">The current version.</param>
    /// <param name="Manifest">The version to score with.</param>
    /// <param name="Until">Timestamp until which this holds.</param>
    private sealed record Known(int Current, GalleryManifest Manifest, long Until);
}
