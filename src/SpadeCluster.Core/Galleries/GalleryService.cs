using System.Globalization;
using System.Security.Cryptography;
using SpadeCluster.Features;
using SpadeCluster.Scoring;

namespace SpadeCluster.Galleries;

/// <summary>
/// Changes and reads galleries. Every change is a new version, published in one step while holding the category's writer
/// lock; a change that fails leaves the current version as it was.
/// </summary>
/// <param name="store">The galleries.</param>
/// <param name="engines">The models.</param>
/// <param name="author">The author of the changes, for the history.</param>
/// <param name="threads">Threads one search may use; 0: its share of the processors (all of them while nothing else runs).</param>
/// <param name="clock">For the times in the history; versions are ordered by number, never by time.</param>
/// <param name="thumbnail">Makes the thumbnails that are kept with each normal and each of its tiles, at most
/// <see cref="MaxThumbnailBytes"/>; null: none is kept.</param>
/// <param name="shards">Shards of new categories.</param>
/// <param name="open">Opens a version for calibration; null: in this process.</param>
public sealed partial class GalleryService(
    IGalleryStore store, IFeatureEngines engines, string author, int threads = 0, TimeProvider? clock = null,
    Func<RgbImage, byte[]?>? thumbnail = null,
    int shards = 1, Func<GalleryManifest, CancellationToken, ValueTask<OpenGallery>>? open = null) : IGalleryService
{
    /// <summary>How long the data of a deleted category stays; zero: it is removed at once, and cannot be restored.</summary>
    public TimeSpan KeepDeleted { get; init; } = Deletion.DefaultKeep;

    /// <summary>Closes what other readers keep open of a deleted category, before its data is removed; null: nobody does.</summary>
    public Func<string, Task>? Close { get; init; }

    public const int MaxThumbnailBytes = 20_000, MaxShards = 1024;

    private readonly TimeProvider _clock = clock ?? TimeProvider.System;

    /// <summary>Takes the category's writer lock: by default <see cref="IGalleryStore.LockAsync"/>, which fails while another writer holds
    /// it.</summary>
    public Func<string, CancellationToken, ValueTask<IDisposable>> Lock { get; init; } = store.LockAsync;

    public ValueTask<GalleryManifest?> AddAsync(string category, IReadOnlyList<ImageSource> sources, IProgress<AddOutcome>? progress = null,
        string? reason = null, NewCategory? asNew = null, CancellationToken cancellationToken = default)
        => AddAsync(category, sources.ToAsyncEnumerable(), sources.Count, progress, reason, asNew, cancellationToken);

    public ValueTask<GalleryManifest?> AddAsync(string category, IAsyncEnumerable<ImageSource> sources,
        IProgress<AddOutcome>? progress = null, string? reason = null, NewCategory? asNew = null,
        CancellationToken cancellationToken = default)
        => AddAsync(category, sources, 0, progress, reason, asNew, cancellationToken);

    private async ValueTask<GalleryManifest?> AddAsync(string category, IAsyncEnumerable<ImageSource> sources, int expected,
        IProgress<AddOutcome>? progress, string? reason, NewCategory? asNew, CancellationToken cancellationToken)
    {
        if (reason is not null) CheckReason(reason);
        CategoryName.Check(category);
        using var writer = await Lock(category, cancellationToken);
        var current = await store.ReadCurrentAsync(category, cancellationToken);
        int last = current?.Version ?? 0;
        if (current?.Deletion is not null) current = null;
        var (extractor, preparer) = current is null
            ? engines.DefaultFor(asNew ?? new()) : engines.For(current.Model, current.Preprocessing);
        RequireSame(current, extractor.Model, preparer.Description);
        if (current is null && last > 0) await RequireReusableAsync(category, extractor.Model, preparer.Description, cancellationToken);
        var grid = TileGrid.Of(extractor.Model, preparer.Description);
        if (asNew?.Copies is { } asked && asked != grid.Copies)
            throw new SpadeException(SpadeError.FailedPrecondition,
                $"category '{category}' was built with copies: {grid.Copies.Text()}; not {asked.Text()}: leave them out, or build a new "
                + "category");
        RequireRoom(category, expected, grid.RowCount, extractor.Model);

        var images = (current?.Images ?? []).ToDictionary(i => i.Id);
        int added = 0;
        await foreach (var source in sources.WithCancellation(cancellationToken))
        {
            var outcome = await AddOneAsync(source);
            if (outcome.Status == AddStatus.Added) added++;
            progress?.Report(outcome);
        }
        if (added == 0) return current;
        return await PublishAsync(await NextAsync(category, last, current, extractor.Model, preparer.Description, images.Values,
            $"add {added} image{(added == 1 ? "" : "s")}{Copied(grid.Copies)}{(reason is null ? "" : $": {reason}")}", cancellationToken),
                cancellationToken);

        async ValueTask<AddOutcome> AddOneAsync(ImageSource source)
        {
            GalleryImage image;
            var tiles = new List<TileFeatures>(grid.RowCount);
            byte[]?[] pictures;
            try
            {
                var file = await source.ReadAsync(cancellationToken);
                var sha256 = SHA256.HashData(file);
                image = new GalleryImage(ImageId.FromSha256(sha256), Convert.ToHexStringLower(sha256), source.Name, _clock.GetUtcNow(),
                    author);
                if (images.TryGetValue(image.Id, out var same))
                    return same.Sha256 == image.Sha256 ? new AddOutcome(source.Name, image.Id, AddStatus.Duplicate)
                        : new AddOutcome(source.Name, null, AddStatus.Failed,
                            $"{source.Name}: its id {image.Id} is taken by '{same.Source}', another file; save the photograph anew");
                var prepared = preparer.Prepare(file, source.Name);
                image = image with { Width = prepared.Geometry.OriginalWidth, Height = prepared.Geometry.OriginalHeight };
                foreach (var orientation in grid.Orientations)
                    tiles.AddRange(await TileFeatures.ExtractAsync(extractor, prepared.Copy(orientation), cancellationToken));
                pictures = [.. Enumerable.Range(0, tiles.Count).Select(t => Picture(prepared, t))];
            }
            catch (SpadeException e) when (e.Error is SpadeError.InvalidArgument or SpadeError.NotFound or SpadeError.ResourceExhausted)
            {
                return new AddOutcome(source.Name, null, AddStatus.Failed, e.Message);
            }
            // Outside the try: a full disk is not the image's fault, and ends the batch.
            for (int t = 0; t < tiles.Count; t++)
                await store.WriteImageAsync(category, image.Id.Row(t), extractor.Model.Digest,
                    StoredFeatures.From(tiles[t].Pooled, tiles[t].Pyramid), tiles[t].Pyramid, pictures[t], cancellationToken);
            images.Add(image.Id, image);
            return new AddOutcome(source.Name, image.Id, AddStatus.Added);
        }
    }

    /// <summary>What is kept of a row for people to look at; nothing of copies, because the photograph is shown.</summary>
    private byte[]? Picture(PreparedImage prepared, int row)
        => row >= prepared.Tiles.Count ? null : row == prepared.Tiles.PictureRow ? thumbnail?.Invoke(prepared.Input)
        : prepared.Tiles.Whole ? thumbnail?.Invoke(prepared.Tile(row)) : null;

    public async ValueTask<GalleryManifest> RetireAsync(string category, IReadOnlyList<string> images, string reason,
        CancellationToken cancellationToken = default)
    {
        CheckReason(reason);
        if (images.Count == 0) throw new SpadeException(SpadeError.InvalidArgument, "no image is named; name one at least");
        using var writer = await Lock(CategoryName.Check(category), cancellationToken);
        var current = await GetAsync(category, cancellationToken);
        var retired = new Dictionary<ImageId, string>();
        foreach (string name in images)
        {
            var image = ImageNames.Find(current.Images, name)
                ?? throw new SpadeException(SpadeError.NotFound,
                    $"category '{category}' has no image '{name}'; 'spade gallery show {category}' lists them");
            retired.TryAdd(image.Id, ImageNames.InFull(image, name));
        }
        return await PublishWithKnownThresholdsAsync(await NextAsync(category, current.Version, current, current.Model,
            current.Preprocessing, current.Images.Where(i => !retired.ContainsKey(i.Id)), $"retire {Names(retired.Values)}: {reason}",
                cancellationToken), cancellationToken);
    }

    public async ValueTask<GalleryManifest> RestoreAsync(string category, IReadOnlyList<string> images, string reason,
        CancellationToken cancellationToken = default)
    {
        CheckReason(reason);
        if (images.Count == 0) throw new SpadeException(SpadeError.InvalidArgument, "no image is named; name one at least");
        using var writer = await Lock(CategoryName.Check(category), cancellationToken);
        var current = await GetAsync(category, cancellationToken);
        var all = current.Images.ToDictionary(i => i.Id);
        var retired = new Dictionary<ImageId, GalleryImage>();
        foreach (int version in (await store.ListVersionsAsync(category, cancellationToken)).Where(v => v < current.Version).Reverse())
            foreach (var image in (await store.ReadVersionAsync(category, version, cancellationToken)).Images)
                if (!all.ContainsKey(image.Id)) retired.TryAdd(image.Id, image);
        var restored = new Dictionary<ImageId, string>();
        foreach (string name in images)
        {
            var image = ImageNames.Find(retired.Values, name)
                ?? throw new SpadeException(SpadeError.NotFound,
                    $"no kept version of category '{category}' has a retired image '{name}'; 'spade gallery diff' shows what a version "
                    + $"removed");
            all[image.Id] = image;
            restored.TryAdd(image.Id, ImageNames.InFull(image, name));
        }
        return await PublishWithKnownThresholdsAsync(await NextAsync(category, current.Version, current, current.Model,
            current.Preprocessing, all.Values, $"restore {Names(restored.Values)}: {reason}", cancellationToken), cancellationToken);
    }

    public async ValueTask<GalleryManifest> RollBackAsync(string category, int version, string reason,
        CancellationToken cancellationToken = default)
    {
        CheckReason(reason);
        using var writer = await Lock(CategoryName.Check(category), cancellationToken);
        // The current version is not read, because it may be damaged.
        var versions = await store.ListVersionsAsync(category, cancellationToken);
        if (versions.Count == 0) throw NoCategory(category);
        await RequireNotDeletedAsync(category, versions[^1], cancellationToken);
        var older = await store.ReadVersionAsync(category, version, cancellationToken);
        if (older.Deletion is not null)
            throw new SpadeException(SpadeError.InvalidArgument,
                $"version {version} of category '{category}' is its deletion: roll back to another version");
        return await PublishWithKnownThresholdsAsync(older with
        {
            Version = versions[^1] + 1,
            Reason = $"{(older.Trial ? "publish" : "roll back to")} version {version}: {reason}",
            Trial = false,
        }, cancellationToken);
    }

    public ValueTask<GalleryManifest> CalibrateAsync(string category, ScoringOptions options, IProgress<int>? progress = null,
        CancellationToken cancellationToken = default) => CalibrateAsync(category, options, progress, null, cancellationToken);

    public ValueTask<GalleryManifest> CalibrateWithinAsync(string category, ScoringOptions options, ThresholdBounds within,
        CancellationToken cancellationToken = default) => CalibrateAsync(category, options, null, within, cancellationToken);

    private async ValueTask<GalleryManifest> CalibrateAsync(string category, ScoringOptions options, IProgress<int>? progress,
        ThresholdBounds? within, CancellationToken cancellationToken)
    {
        CategoryName.Check(category);
        while (true)
        {
            var current = await GetAsync(category, cancellationToken);
            // The gallery is opened before the lock is taken, so that waiting for memory does not block other writers.
            using var gallery = open is null
                ? await OpenGallery.LoadAsync(store, current, threads: threads, cancellationToken: cancellationToken)
                : await open(current, cancellationToken);
            using var writer = await Lock(category, cancellationToken);
            if ((await GetAsync(category, cancellationToken)).Version != current.Version) continue;
            var calibration = await Calibrator.RunAsync(store, gallery, options, progress, cancellationToken);
            within?.Check(calibration);
            return await PublishAsync(current with
            {
                Version = current.Version + 1,
                Reason = options.Theta is { } theta
                ? string.Create(CultureInfo.InvariantCulture, $"set the defect threshold to {theta:R}")
                : string.Create(CultureInfo.InvariantCulture, $"learn thresholds for {100 * options.Alpha:0.##} % false rejects"),
                Calibration = calibration
            }, cancellationToken);
        }
    }

    public async ValueTask<GalleryManifest> AcceptAsync(string category, IReadOnlyList<string> images, string reason,
        CancellationToken cancellationToken = default)
    {
        CheckReason(reason);
        if (images.Count == 0) throw new SpadeException(SpadeError.InvalidArgument, "no image is named; name one at least");
        using var writer = await Lock(CategoryName.Check(category), cancellationToken);
        var current = await GetAsync(category, cancellationToken);
        var suspects = (current.Calibration?.Suspects ?? []).Where(s => !s.Accepted).Select(s => s.Image).ToHashSet();
        var accepted = new Dictionary<ImageId, string>();
        foreach (string name in images)
        {
            var image = ImageNames.Find([.. current.Images.Where(i => suspects.Contains(i.Id))], name)
                ?? throw new SpadeException(SpadeError.NotFound,
                    $"'{name}' is no suspect of category '{category}' that waits; 'spade gallery show {category}' names them");
            accepted.TryAdd(image.Id, ImageNames.InFull(image, name));
        }
        return await PublishAsync(current with
        {
            Version = current.Version + 1,
            Reason = $"accept {Names(accepted.Values)}: {reason}",
            Accepted = [.. current.Accepted.Union(accepted.Keys).Order()],
            Calibration = current.Calibration!.Accept(accepted.Keys.ToHashSet()),
        }, cancellationToken);
    }

    public async ValueTask<GalleryManifest> ReshardAsync(string category, int count, CancellationToken cancellationToken = default)
    {
        if (count is < 1 or > MaxShards) throw new SpadeException(SpadeError.InvalidArgument, $"{count} shards: choose 1 to {MaxShards}");
        using var writer = await Lock(CategoryName.Check(category), cancellationToken);
        var current = await GetAsync(category, cancellationToken);
        if (current.Shards == count) return current;
        if (current.Trial)
            throw new SpadeException(SpadeError.FailedPrecondition,
                $"version {current.Version} of '{category}' is on trial, and the version that decides keeps its shards: publish or discard "
                + "the trial first");
        var next = current with { Version = current.Version + 1, Reason = $"reshard from {current.Shards} to {count}", Shards = count };
        return await PublishAsync(next, cancellationToken);
    }

    public async ValueTask<CompactionReport> CompactAsync(string category, Retention retention,
        CancellationToken cancellationToken = default)
    {
        using var writer = await Lock(CategoryName.Check(category), cancellationToken);
        var history = await HistoryAsync(category, cancellationToken);
        return await store.CompactAsync(category, retention.VersionsToDrop(history, _clock.GetUtcNow()), cancellationToken);
    }

    private static void CheckReason(string reason)
    {
        if (string.IsNullOrWhiteSpace(reason)) throw new SpadeException(SpadeError.InvalidArgument, "a reason is needed, for the history");
        // Histories are printed on terminals, which interpret control characters.
        if (reason.Any(c => char.IsControl(c) && c is not ('\n' or '\r' or '\t')))
            throw new SpadeException(SpadeError.InvalidArgument, "a reason must be text: it contains control characters");
    }

    private static string Copied(Copies copies) => copies == Copies.None ? "" : $" and copies ({copies.Text()})";

    private static string Names(IReadOnlyCollection<string> images) =>
        images.Count <= 5 ? string.Join(", ", images) : $"{images.Count} images";

    private static void RequireSame(GalleryManifest? current, FeatureModel model, string preprocessing)
    {
        if (current is not null && (current.Model.Digest != model.Digest || current.Preprocessing != preprocessing))
            throw new SpadeException(SpadeError.FailedPrecondition,
                $"category '{current.Category}' was built with model '{current.Model.Name}' (digest {Short(current.Model.Digest)}) "
                + $"after '{current.Preprocessing}', not with '{model.Name}' ({Short(model.Digest)}) after '{preprocessing}': use the "
                + $"same, or build a new category");
    }

    private static string Short(string digest) => digest[..Math.Min(12, digest.Length)];

    private void RequireRoom(string category, int images, int tiles, FeatureModel model)
    {
        long needed = (long)images * tiles * store.BytesPerImage(model);
        if (store.FreeBytes is { } free && needed > free)
            throw new SpadeException(SpadeError.ResourceExhausted,
                $"{images} images need {needed / 1e6:0.0} MB, but only {free / 1e6:0.0} MB are free where category '{category}' is "
                + $"stored; nothing was added")
            { StorageFull = true };
    }

    /// <summary>A version with other images: its weights are computed from them, in order of id, and it has no thresholds yet.</summary>
    /// <param name="last">The highest version that the name ever had.</param>
    private async ValueTask<GalleryManifest> NextAsync(string category, int last, GalleryManifest? current, FeatureModel model,
        string preprocessing, IEnumerable<GalleryImage> images, string reason, CancellationToken cancellationToken)
    {
        GalleryImage[] ordered = [.. images.OrderBy(i => i.Id)];
        FeatureWeights? weights = null;
        if (model.WeightChannels && ordered.Length > 0)
        {
            int tiles = TileGrid.Of(model, preprocessing).Count;
            var features = new List<StoredFeatures>(ordered.Length * tiles);
            foreach (var image in ordered)
                for (int t = 0; t < tiles; t++)
                    features.Add(await store.ReadFeaturesAsync(category, image.Id.Row(t), model, cancellationToken));
            weights = FeatureWeights.From(model, features);
        }
        return new GalleryManifest
        {
            Category = category,
            Version = last + 1,
            CreatedAt = default,
            CreatedBy = author,
            Reason = reason,
            Model = model,
            Preprocessing = preprocessing,
            Images = ordered,
            Accepted = [.. (current?.Accepted ?? []).Intersect(ordered.Select(i => i.Id))],
            Weights = weights,
            Region = current?.Region,
            Shards = current?.Shards ?? shards,
            Trial = current?.Trial ?? false,
        };
    }

    /// <summary>Publishes a version, with the thresholds of an older version of the same images if there is one: thresholds depend on the
    /// images and the region alone. So a change that is undone has its thresholds again at once.</summary>
    private async ValueTask<GalleryManifest> PublishWithKnownThresholdsAsync(GalleryManifest next, CancellationToken cancellationToken)
    {
        var history = next.Calibration is null ? await HistoryAsync(next.Category, cancellationToken) : [];
        foreach (var known in history.Where(v =>
            v.Calibrated && v.Images == next.Images.Count && v.ModelDigest == next.Model.Digest && v.Preprocessing == next.Preprocessing)
                .Reverse())
        {
            var older = await store.ReadVersionAsync(next.Category, known.Version, cancellationToken);
            if (older.Region?.Digest == next.Region?.Digest
                && older.Images.Select(i => i.Id).SequenceEqual(next.Images.Select(i => i.Id)))
                return await PublishAsync(next with { Calibration = older.Calibration }, cancellationToken);
        }
        return await PublishAsync(next, cancellationToken);
    }

    private async ValueTask<GalleryManifest> PublishAsync(GalleryManifest next, CancellationToken cancellationToken)
    {
        next = next with { CreatedAt = _clock.GetUtcNow(), CreatedBy = author };
        await store.PublishAsync(next, cancellationToken);
        return next;
    }
}
